import { writeSync } from "node:fs";

/**
 * Appends to the log of a program. A full disk costs lines of the log, never the program: what is missing is marked
 * as soon as there is room again.
 * @param fd descriptor of the log file, opened to append
 */
export function createPtyLog(fd: number): (chunk: Buffer) => void {
  let missingBytes = 0;
  return (chunk) => {
    if (missingBytes > 0) {
      const mark = Buffer.from(
        `\r\n[orch: ${missingBytes} bytes are missing here: the log could not be written]\r\n`,
      );
      if (writeAll(fd, mark) < mark.length) {
        missingBytes += chunk.length;
        return;
      }
      missingBytes = 0;
    }
    missingBytes += chunk.length - writeAll(fd, chunk);
  };
}

/** Bytes that were written: all, unless the file takes no more. */
function writeAll(fd: number, bytes: Buffer): number {
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(fd, bytes, written);
  } catch {
    // No room, or the descriptor is no good: the caller counts what is missing.
  }
  return written;
}
