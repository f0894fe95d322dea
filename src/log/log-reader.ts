import { createMaskStream, type Mask, type MaskStream } from "./mask.ts";
import { readRange, readRaw } from "./raw-log.ts";

/** A piece of a log. */
export interface LogPiece {
  readonly bytes: Buffer;
  /** Offset of its first byte. */
  readonly offset: number;
  /** Bytes right before it that are no longer there. */
  readonly missingBytes: number;
}

/** Reads a growing log from an offset on, without the values that are to be hidden. */
export interface LogReader {
  /**
   * The next piece; null when there is no more for now, or no file yet. It never ends within a character, nor within what
   * may become a hidden value, unless the log `isOver`.
   */
  next(isOver: boolean): Promise<LogPiece | null>;
  /** Where what was handed out so far ends: a reader that starts there goes on. */
  readonly offset: number;
  /** Bytes read from disk so far, unpacked. */
  readonly bytesRead: number;
  close(): void;
}

/** Opens the log at `file`. @param start offset of the first byte to be handed out */
export function readLog(file: string, start: number, mask: Mask): LogReader {
  const raw = readRaw(file, start);
  let stream: MaskStream | null = null;
  let offset = start;
  let missed = 0;
  let rest: Buffer = Buffer.alloc(0);
  const begin = async (): Promise<MaskStream> => {
    const before = mask.isEmpty ? 0 : Math.min(start, mask.reachBytes - 1);
    return createMaskStream(mask, await readRange(file, start - before, start));
  };
  return {
    async next(isOver) {
      for (;;) {
        stream ??= await begin();
        const read = await raw.next();
        const isEnd = isOver && read.length === 0;
        const shown = Buffer.concat([rest, stream.push(read, isEnd)]);
        const whole = isEnd ? shown.length : wholeCharacters(shown);
        rest = shown.subarray(whole);
        const missingBytes = raw.missingBytes - missed;
        if (whole > 0) {
          missed = raw.missingBytes;
          offset += whole + missingBytes;
          return { bytes: shown.subarray(0, whole), offset: offset - whole, missingBytes };
        }
        if (read.length === 0) return null;
      }
    },
    get offset() {
      return offset;
    },
    get bytesRead() {
      return raw.bytesRead;
    },
    close: () => raw.close(),
  };
}

/** Bytes up to a character that is not whole yet. What can never become a character counts as whole. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte < 0xc0) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < needed ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Only so far back are the last lines looked for. Bytes. */
const TAIL_MAX_BYTES = 8 * 2 ** 20;
const WINDOWS_BYTES = [64 * 1024, 2 ** 20, TAIL_MAX_BYTES];

/** What finding a place in a log came to. */
export interface Found {
  readonly offset: number;
  /** Bytes that had to be read for it. */
  readonly bytesRead: number;
}

/** Where the last `lines` lines before `end` begin, looking back 8 MiB at most. */
export async function findTail(file: string, end: number, lines: number): Promise<Found> {
  if (lines === 0) return { offset: end, bytesRead: 0 };
  let bytesRead = 0;
  for (const window of WINDOWS_BYTES) {
    const start = Math.max(0, end - window);
    const text = await readRange(file, start, end);
    bytesRead += text.length;
    const at = tailIn(text, lines);
    if (at !== null) return { offset: end - text.length + at, bytesRead };
    if (start === 0 || window === TAIL_MAX_BYTES) return { offset: end - text.length, bytesRead };
  }
  return { offset: end, bytesRead };
}

/** Where the last lines begin; null when the text has no more than these. */
function tailIn(text: Buffer, lines: number): number | null {
  // What stands before a newline is a line, and so is what the last newline leaves over.
  let at = text.at(-1) === 0x0a ? text.length - 1 : text.length;
  for (let seen = 0; seen < lines; seen++) {
    if (at === 0) return null; // lastIndexOf would take -1 for the last byte.
    at = text.lastIndexOf(0x0a, at - 1);
    if (at === -1) return null;
  }
  return at + 1;
}

/** Where the line that holds the byte at `offset` begins. */
export async function findLineStart(file: string, offset: number): Promise<number> {
  const start = Math.max(0, offset - CLOSE_BYTES);
  const text = await readRange(file, start, offset);
  return offset - text.length + text.lastIndexOf(0x0a) + 1;
}

/** A line longer than this is begun in its middle. */
const CLOSE_BYTES = 64 * 1024;
