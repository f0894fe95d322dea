/** A line of the log is cut here at the latest. */
const MAX_LINE_CHARACTERS = 8_000;

/** Text that comes in pieces, as lines of a log. */
export interface TextLines {
  add(piece: string): void;
  /** The line that has no end yet is one. */
  end(): void;
}

/** @param write takes each line once it is whole, without its end */
export function createTextLines(write: (line: string) => void): TextLines {
  let line = "";
  return {
    add(piece) {
      const lines = (line + piece).split("\n");
      line = lines.pop() ?? "";
      for (const whole of lines) write(whole);
      for (; line.length > MAX_LINE_CHARACTERS; line = line.slice(MAX_LINE_CHARACTERS))
        write(line.slice(0, MAX_LINE_CHARACTERS));
    },
    end() {
      if (line !== "") write(line);
      line = "";
    },
  };
}
