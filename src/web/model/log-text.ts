/** Colours and cursor movements of terminals: CSI and OSC sequences, and other escapes of one character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/**
 * Adds a piece of a log to the lines that are shown, as a terminal would show it: without colours, and a carriage return
 * begins a line anew, as progress bars want. Keeps the newest lines.
 * @param lines the last one is not over yet
 */
export function appendLog(lines: readonly string[], piece: string, most: number): readonly string[] {
  const [first = "", ...more] = piece.replace(ESCAPES, "").replaceAll("\r\n", "\n").split("\n");
  const open = (lines.at(-1) ?? "") + first;
  return [...lines.slice(0, -1), open, ...more].map(lastWritten).slice(-most);
}

/** A return at the end may yet be followed by what is written over the line. */
function lastWritten(line: string): string {
  if (!line.includes("\r")) return line;
  const parts = line.split("\r");
  const last = parts.at(-1);
  return last === "" ? `${parts.at(-2) ?? ""}\r` : (last ?? "");
}
