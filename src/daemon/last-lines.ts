import fs from "node:fs";

const TAIL_BYTES = 4096;
const LINES = 3;

/** The last lines of a log file in one line, for messages; "" when there is none. */
export function lastLines(path: string): string {
  try {
    const fd = fs.openSync(path, "r");
    try {
      const { size } = fs.fstatSync(fd);
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      const lines = buffer
        .toString("utf8")
        .split("\n")
        .filter((line) => line.trim() !== "");
      return lines
        .slice(-LINES)
        .map((line) => line.trim())
        .join(" | ");
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return "";
  }
}
