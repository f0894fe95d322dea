import fs from "node:fs";
import { StringDecoder } from "node:string_decoder";

const CHUNK_BYTES = 64 * 1024;
const TAIL_MAX_BYTES = 8 * 2 ** 20;

/** Reads a growing file from where it stopped the last time. */
export interface LogReader {
  /** The next piece of text; "" when there is no more for now, or no file yet. */
  next(): string;
}

/**
 * @param pathNow names the file: each attempt of a job has its own, and a new one is read from its start.
 * @param tail begin with this many of the last lines; null = from the start.
 */
export function readLog(pathNow: () => string, tail: number | null): LogReader {
  let path = "";
  let offset = 0;
  let lines = tail;
  let decoder = new StringDecoder("utf8");
  const buffer = Buffer.alloc(CHUNK_BYTES);
  return {
    next() {
      const now = pathNow();
      if (now !== path) {
        path = now;
        offset = 0;
        decoder = new StringDecoder("utf8");
      }
      const fd = openOrNull(path);
      if (fd === null) return "";
      try {
        if (lines !== null) {
          offset = findTail(fd, lines);
          lines = null;
        }
        const read = fs.readSync(fd, buffer, 0, CHUNK_BYTES, offset);
        offset += read;
        return decoder.write(buffer.subarray(0, read));
      } finally {
        fs.closeSync(fd);
      }
    },
  };
}

function openOrNull(path: string): number | null {
  try {
    return fs.openSync(path, "r");
  } catch {
    return null; // Nothing was written yet.
  }
}

/** Offset of the last `lines` lines, looking back 8 MiB at most. */
function findTail(fd: number, lines: number): number {
  const { size } = fs.fstatSync(fd);
  const start = Math.max(0, size - TAIL_MAX_BYTES);
  const text = Buffer.alloc(size - start);
  fs.readSync(fd, text, 0, text.length, start);
  if (lines === 0) return size;
  // What stands before a newline is a line, and so is what the last newline leaves over.
  let at = text.at(-1) === 0x0a ? text.length - 1 : text.length;
  for (let seen = 0; seen < lines; seen++) {
    if (at === 0) return start; // lastIndexOf would take -1 for the last byte.
    at = text.lastIndexOf(0x0a, at - 1);
    if (at === -1) return start;
  }
  return start + at + 1;
}
