import { createReadStream } from "node:fs";
import fs from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { type LogPart, listParts } from "./log-parts.ts";

const CHUNK_BYTES = 64 * 1024;

/** Bytes of a log, one piece after the other, from its parts and then from the file. */
export interface RawLog {
  /** The next piece; empty when there is no more for now, or no file yet. */
  next(): Promise<Buffer>;
  /** Offset of the first byte that `next` has not given. */
  readonly offset: number;
  /** Bytes that were passed over because they are no longer there. */
  readonly missingBytes: number;
  /** Bytes read from disk so far, unpacked. */
  readonly bytesRead: number;
  /** Gives up a part that is being read. */
  close(): void;
}

/**
 * Reads the log at `file` from an offset on. A piece with a zero byte may come out of a range that has just been moved into
 * a part: parts are written before the range becomes a hole, so a look at them tells.
 */
export function readRaw(file: string, start: number): RawLog {
  let offset = start;
  let missingBytes = 0;
  let bytesRead = 0;
  let unpacking: Unpacking | null = null;

  const enter = (part: LogPart): void => {
    if (part.start > offset) {
      missingBytes += part.start - offset;
      offset = part.start;
    }
    unpacking = unpack(part, offset);
  };
  const nextOfPart = async (from: Unpacking): Promise<Buffer> => {
    const piece = await from.next();
    if (piece === null) {
      unpacking = null;
      // A part that ends too early is damaged, or was removed meanwhile.
      missingBytes += Math.max(0, from.end - offset);
      offset = Math.max(offset, from.end);
      return self.next();
    }
    offset += piece.length;
    bytesRead += piece.length;
    return piece;
  };
  const self = {
    async next(): Promise<Buffer> {
      if (unpacking !== null) return nextOfPart(unpacking);
      const piece = await readAt(file, offset);
      if (piece.includes(0)) {
        const part = (await listParts(file)).find(({ end }) => end > offset);
        if (part !== undefined) {
          enter(part);
          return self.next();
        }
      }
      offset += piece.length;
      bytesRead += piece.length;
      return piece;
    },
    get offset() {
      return offset;
    },
    get missingBytes() {
      return missingBytes;
    },
    get bytesRead() {
      return bytesRead;
    },
    close: () => unpacking?.close(),
  };
  return self;
}

/** At most 64 KiB from an offset on; empty at the end, or when the file cannot be read. */
async function readAt(file: string, offset: number): Promise<Buffer> {
  const handle = await fs.open(file, "r").catch(() => null);
  if (handle === null) return Buffer.alloc(0);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

interface Unpacking {
  readonly end: number;
  /** The next piece; null at the end, or when it cannot be read any further. */
  next(): Promise<Buffer | null>;
  close(): void;
}

function unpack(part: LogPart, from: number): Unpacking {
  const packed = createReadStream(part.file);
  const unpacked = createGunzip();
  packed.on("error", (error) => unpacked.destroy(error));
  const pieces = packed.pipe(unpacked)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let skip = from - part.start;
  const close = (): void => {
    packed.destroy();
    unpacked.destroy();
  };
  return {
    end: part.end,
    async next() {
      for (;;) {
        const { value, done } = await pieces.next().catch(() => ({ value: undefined, done: true }));
        if (done === true || value === undefined) {
          close();
          return null;
        }
        if (skip < value.length) {
          const piece = value.subarray(skip);
          skip = 0;
          return piece;
        }
        skip -= value.length;
      }
    },
    close,
  };
}

/** The bytes between two offsets, as far as they are there. */
export async function readRange(file: string, start: number, end: number): Promise<Buffer> {
  const raw = readRaw(file, start);
  const pieces: Buffer[] = [];
  let first = start;
  try {
    while (raw.offset < end) {
      const piece = await raw.next();
      if (piece.length === 0) break;
      if (pieces.length === 0) first = raw.offset - piece.length;
      pieces.push(piece);
    }
  } finally {
    raw.close();
  }
  return Buffer.concat(pieces).subarray(0, Math.max(0, end - first));
}

/** Offset after the last byte; 0 when there is no file. */
export async function sizeOfLog(file: string): Promise<number> {
  return (await fs.stat(file).catch(() => null))?.size ?? 0;
}
