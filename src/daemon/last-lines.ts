import fs from "node:fs";

const TAIL_BYTES = 4096;
const LINE_MAX = 200;

/** The last `count` lines of a log file in one line, for messages; "" when there is none. */
export function lastLines(path: string, count: number): string {
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
        .slice(-count)
        .map((line) => line.trim().slice(0, LINE_MAX))
        .join(" | ");
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return "";
  }
}
