/**
 * Hides values in what is shown. Each byte of a hidden value becomes `*`, so that offsets into a log stay what they
 * are, and what is hidden twice is the same as what is hidden once.
 */
export interface Mask {
  readonly isEmpty: boolean;
  /** Bytes of the longest value in any of its spellings; 0 when there is none. */
  readonly reachBytes: number;
  /** Overwrites every occurrence; tells whether there was one. */
  hide(bytes: Buffer): boolean;
  hideText(text: string): string;
  /** How many bytes at the end may be the beginning of a value that goes on. */
  openEndBytes(bytes: Buffer): number;
}

/** A shorter value would blot out half of every log: it is not hidden. */
export const SHORTEST_HIDDEN = 4;
/** Below this, the middle of its Base64 form is too short to be told from other text. */
const SHORTEST_ENCODED = 9;
const STAR = 0x2a;

/** Hides these values, also as they stand in URLs, JSON and Base64. Values of fewer than four bytes are left alone. */
export function createMask(values: readonly string[]): Mask {
  const spellings = new Set(
    values.filter((value) => Buffer.byteLength(value) >= SHORTEST_HIDDEN).flatMap(spellingsOf),
  );
  const patterns = [...spellings].map((text) => Buffer.from(text)).sort((a, b) => b.length - a.length);
  const reachBytes = patterns[0]?.length ?? 0;
  const hide = (bytes: Buffer): boolean => {
    const found = patterns.flatMap((pattern) => occurrences(bytes, pattern));
    for (const [start, end] of found) bytes.fill(STAR, start, end);
    return found.length > 0;
  };
  return {
    isEmpty: patterns.length === 0,
    reachBytes,
    hide,
    hideText(text) {
      if (patterns.length === 0) return text;
      const bytes = Buffer.from(text);
      return hide(bytes) ? bytes.toString() : text;
    },
    openEndBytes(bytes) {
      for (let at = Math.max(0, bytes.length - reachBytes + 1); at < bytes.length; at++) {
        const end = bytes.subarray(at);
        if (patterns.some((pattern) => pattern.length > end.length && startsWith(pattern, end)))
          return end.length;
      }
      return 0;
    },
  };
}

/** Hides nothing. */
export const noMask: Mask = createMask([]);

function startsWith(pattern: Buffer, start: Buffer): boolean {
  return pattern[0] === start[0] && pattern.subarray(0, start.length).equals(start);
}

/** Where the pattern stands, overlapping itself or not. */
function occurrences(bytes: Buffer, pattern: Buffer): [start: number, end: number][] {
  const found: [number, number][] = [];
  for (let at = bytes.indexOf(pattern); at !== -1; at = bytes.indexOf(pattern, at + 1))
    found.push([at, at + pattern.length]);
  return found;
}

function spellingsOf(value: string): string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const lines = value.split("\n").filter((line) => Buffer.byteLength(line) >= SHORTEST_HIDDEN);
  return [value, ...lines, inUrl(value), inJson, ...inBase64(value)];
}

function inUrl(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value; // Half a surrogate pair has no such form.
  }
}

/**
 * What of the value's Base64 form is the same whatever stands before and after it: one text for each of the three ways in
 * which it can lie in groups of three bytes (RFC 4648, section 4).
 */
function inBase64(value: string): string[] {
  const bytes = Buffer.from(value);
  if (bytes.length < SHORTEST_ENCODED) return [];
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const [first, last] = [Math.ceil((before * 8) / 6), Math.floor((whole.length * 8) / 6)];
    return [whole.toString("base64").slice(first, last), whole.toString("base64url").slice(first, last)];
  });
}

/** Hides values in a stream, wherever it is cut into pieces. */
export interface MaskStream {
  /** What can be shown now. What may be the beginning of a value is kept back, unless this is the end. */
  push(bytes: Buffer, isEnd: boolean): Buffer;
}

/** @param before what stands before the first byte of the stream, as it is written: a value may begin there */
export function createMaskStream(mask: Mask, before: Buffer): MaskStream {
  let seen = before;
  let kept: Buffer = Buffer.alloc(0);
  if (mask.isEmpty) return { push: (bytes) => bytes };
  return {
    push(bytes, isEnd) {
      const raw = Buffer.concat([seen, kept, bytes]);
      const shown = Buffer.from(raw);
      mask.hide(shown);
      const end = raw.length - (isEnd ? 0 : mask.openEndBytes(raw.subarray(seen.length)));
      const piece = shown.subarray(seen.length, end);
      kept = raw.subarray(end);
      seen = raw.subarray(Math.max(0, end - mask.reachBytes + 1), end);
      return piece;
    },
  };
}
