import type { LogPiece } from "../log/log-reader.ts";

/** A line of a log, and where it lies there. */
export interface Line {
  /** Without its end. */
  readonly text: string;
  readonly start: number;
  /** Offset after its last byte, its end included. */
  readonly end: number;
  /** False for a last line that has none yet, and for a piece of an overlong one. */
  readonly hasEnd: boolean;
}

/** Cuts a log into lines. */
export interface LogLines {
  /** The lines that are whole now. */
  push(piece: LogPiece): Line[];
  /** What is left of the last line; none when it ended. */
  end(): Line[];
}

/** A line that goes on for longer is handed out in pieces. Bytes. */
const LINE_MAX_BYTES = 2 ** 20;

/** Lines of one log, from wherever its pieces begin. */
export function createLogLines(): LogLines {
  let open: Buffer[] = [];
  let openBytes = 0;
  let start = 0;
  const finish = (rest: Buffer, end: number, hasEnd: boolean): Line => {
    const text = Buffer.concat([...open, rest]).toString();
    open = [];
    openBytes = 0;
    return { text, start, end, hasEnd };
  };
  return {
    push({ bytes, offset }) {
      const lines: Line[] = [];
      let from = 0;
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
        if (openBytes === 0) start = offset + from;
        lines.push(finish(bytes.subarray(from, at), offset + at + 1, true));
        from = at + 1;
      }
      const rest = bytes.subarray(from);
      if (rest.length === 0) return lines;
      if (openBytes === 0) start = offset + from;
      if (openBytes + rest.length > LINE_MAX_BYTES)
        return [...lines, finish(rest, offset + bytes.length, false)];
      open.push(rest);
      openBytes += rest.length;
      return lines;
    },
    end: () => (openBytes === 0 ? [] : [finish(Buffer.alloc(0), start + openBytes, false)]),
  };
}
