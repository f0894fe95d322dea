import fs from "node:fs";

const TAIL_BYTES = 4096;
const LINE_MAX = 200;

/** The last `count` lines of a log file in one line, for messages; "" when there is none. */
export function lastLines(path: string, count: number): string {
  return plain(readTail(path, TAIL_BYTES))
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .map((line) => line.trim().slice(0, LINE_MAX))
    .join(" | ");
}

const ESC = "\u001b";
/** What steers a terminal (ECMA-48: CSI and OSC sequences, other escapes) and is no text. */
const STEERING = new RegExp(
  `${ESC}\\[[0-?]*[ -/]*[@-~]|${ESC}\\][^\u0007${ESC}]*(?:\u0007|${ESC}\\\\)?|${ESC}.?`,
  "g",
);

/** What was to be read in the end: without colours and the like, and without what a carriage return wrote over. */
function plain(text: string): string {
  return text
    .replace(STEERING, "")
    .replaceAll(/\r+\n/g, "\n")
    .replaceAll(/[^\n]*\r/g, "")
    .replaceAll(/[^\P{Cc}\n\t]/gu, "");
}

/** At most the last `bytes` bytes of a file, which may begin in the midst of a line; "" when it cannot be read. */
export function readTail(path: string, bytes: number): string {
  try {
    const fd = fs.openSync(path, "r");
    try {
      const { size } = fs.fstatSync(fd);
      const buffer = Buffer.alloc(Math.min(size, bytes));
      fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString("utf8");
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return "";
  }
}
