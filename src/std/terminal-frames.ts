import { Failure } from "./failure.ts";

/**
 * What the holder of a terminal and its viewers say to each other on the holder's socket: frames of one byte for the
 * kind, four for the length of what follows (big-endian), and that.
 */
export const frameKinds = {
  /** From a viewer, first: JSON of `Hello`. */
  hello: 1,
  /** From a viewer: what was typed. */
  input: 2,
  /** From a viewer: columns and rows, two bytes each. */
  resize: 3,
  /** From a viewer: it leaves on purpose, to come back. */
  detach: 4,
  /** From the holder: what the program wrote. */
  output: 16,
  /** From the holder: JSON of `Notice`. */
  notice: 17,
  /** From the holder, last: the exit code, four bytes, signed. */
  exit: 18,
} as const;

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** How a viewer introduces itself. */
export interface Hello {
  /** Null where it has no terminal: it then does not decide the size. */
  readonly size: TerminalSize | null;
  readonly readOnly: boolean;
}

/** What the holder tells besides the program's output. */
export interface Notice {
  /** Bytes that this viewer was too slow for; what follows begins with the scroll-back. */
  readonly skippedBytes: number;
}

export interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
}

const HEADER_BYTES = 5;
/** No frame is larger: a length beyond it is no frame of ours. */
export const FRAME_MAX_BYTES = 2 ** 20;
/** Terminals beyond this are mistakes, and curses programs allocate by it. */
const SIDE_MAX = 10_000;

/** A frame as bytes. `payload` has at most FRAME_MAX_BYTES. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array = new Uint8Array()): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame[0] = kind;
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** A frame that holds JSON. */
export function encodeJson(kind: FrameKind, value: Hello | Notice): Buffer {
  return encodeFrame(kind, Buffer.from(JSON.stringify(value)));
}

/** A viewer's new size. */
export function encodeResize({ columns, rows }: TerminalSize): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt16BE(columns, 0);
  payload.writeUInt16BE(rows, 2);
  return encodeFrame(frameKinds.resize, payload);
}

/** The size in a resize frame; null when it is none that a terminal has. */
export function decodeResize(payload: Buffer): TerminalSize | null {
  if (payload.length !== 4) return null;
  return validSize({ columns: payload.readUInt16BE(0), rows: payload.readUInt16BE(2) });
}

/** The last frame of a holder. */
export function encodeExit(exitCode: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32BE(exitCode, 0);
  return encodeFrame(frameKinds.exit, payload);
}

/** The exit code in an exit frame; 125 when it is none. */
export function decodeExit(payload: Buffer): number {
  return payload.length === 4 ? payload.readInt32BE(0) : 125;
}

/** How a viewer introduced itself; null when that is not what a viewer says. */
export function decodeHello(payload: Buffer): Hello | null {
  const value = parseJson(payload) as Partial<Hello> | null;
  if (typeof value !== "object" || value === null || typeof value.readOnly !== "boolean") return null;
  const { size } = value;
  const isSized = typeof size === "object" && size !== null;
  return { size: isSized ? validSize(size) : null, readOnly: value.readOnly };
}

/** What the holder tells; null when it cannot be read. */
export function decodeNotice(payload: Buffer): Notice | null {
  const value = parseJson(payload) as Partial<Notice> | null;
  if (typeof value !== "object" || value === null || typeof value.skippedBytes !== "number") return null;
  return { skippedBytes: value.skippedBytes };
}

/** The size, or null when no terminal has it. */
export function validSize({ columns, rows }: TerminalSize): TerminalSize | null {
  const isSide = (side: unknown): boolean =>
    Number.isInteger(side) && Number(side) >= 1 && Number(side) <= SIDE_MAX;
  return isSide(columns) && isSide(rows) ? { columns, rows } : null;
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch {
    return null;
  }
}

/** Puts frames together again from chunks that are cut anywhere. */
export interface FrameReader {
  /** The frames that are whole with this chunk. @throws Failure request/malformed when a length is beyond all frames */
  push(chunk: Buffer): Frame[];
}

/** A reader at the start of a connection. */
export function createFrameReader(): FrameReader {
  let parts: Buffer[] = [];
  let bytes = 0;
  let wantedBytes = HEADER_BYTES;
  const gather = (): Buffer => {
    const whole = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
    parts = [whole];
    return whole;
  };
  return {
    push(chunk) {
      parts.push(chunk);
      bytes += chunk.length;
      const frames: Frame[] = [];
      // Joined only once enough is there, so a large frame in small pieces does not cost the square of its length.
      while (bytes >= wantedBytes) {
        const whole = gather();
        const length = whole.readUInt32BE(1);
        if (length > FRAME_MAX_BYTES) throw tooLong(length);
        wantedBytes = HEADER_BYTES + length;
        if (bytes < wantedBytes) break;
        frames.push({ kind: whole[0] ?? 0, payload: whole.subarray(HEADER_BYTES, wantedBytes) });
        parts = [whole.subarray(wantedBytes)];
        bytes -= wantedBytes;
        wantedBytes = HEADER_BYTES;
      }
      return frames;
    },
  };
}

function tooLong(length: number): Failure {
  return new Failure("request/malformed", `a frame of ${length} bytes on a terminal's socket`, {
    why: `none has more than ${FRAME_MAX_BYTES}`,
  });
}
