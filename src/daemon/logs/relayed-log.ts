import fs from "node:fs";
import path from "node:path";
import type { Mask } from "../../log/mask.ts";

/** The log of a job whose lines come over its worker's connection. */
export interface RelayedLog {
  /** Writes a line, with or without its end. Never throws: what cannot be written is counted, and told once it can be. */
  write(text: string): void;
  close(): void;
}

export interface RelayOptions {
  readonly mask: Mask;
  /** Up to this offset the log has been packed away already; nothing is written there again. */
  readonly from: number;
  /** The first line that is lost after one that was not. */
  readonly onLoss: (error: unknown) => void;
}

/**
 * Opens a relayed log. Its lines are written from its beginning: a worker that is attached to again sends all it has sent
 * before, and the same bytes in the same places disturb nobody who reads. A disk that is full costs lines, never the job.
 */
export function openRelayedLog(file: string, { mask, from, onLoss }: RelayOptions): RelayedLog {
  let fd: number | null = null;
  let position = 0;
  let lost = 0;
  const put = (bytes: Buffer): void => {
    fd ??= open(file);
    const skip = Math.max(0, from - position);
    if (skip < bytes.length) writeWhole(fd, bytes.subarray(skip), position + skip);
    position += bytes.length;
  };
  const mark = (): string =>
    lost === 0 ? "" : `[... ${lost} ${lost === 1 ? "line" : "lines"} lost: no space left]\n`;
  return {
    write(text) {
      const line = mask.hideText(text.endsWith("\n") ? text : `${text}\n`);
      try {
        put(Buffer.from(mark() + line));
        lost = 0;
      } catch (error) {
        if (lost === 0) onLoss(error);
        lost += 1;
      }
    },
    close() {
      try {
        if (lost > 0) put(Buffer.from(mark()));
      } catch {
        // There is no room for the mark either; the daemon's log has it.
      }
      if (fd !== null) fs.closeSync(fd);
    },
  };
}

function open(file: string): number {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  return fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
}

/** All of the bytes or none: half a line, from before the disk was full, is taken back. */
function writeWhole(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
    } catch (error) {
      if (fs.fstatSync(fd).size === position + done) fs.ftruncateSync(fd, position);
      throw error;
    }
  }
}
