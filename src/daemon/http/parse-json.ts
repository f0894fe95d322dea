import { Failure } from "../../std/failure.ts";
import { giveWay } from "../../std/give-way.ts";

/** Parsed in a millisecond or two. Bytes. */
const PIECE = 64 * 1024;
/** A body of nothing but brackets would become a heap of a gigabyte. */
const MOST_VALUES = 1_000_000;
/** What is asked of the whole of a text takes 30 ms then. Bytes. */
const LONGEST_TEXT = 16 * 2 ** 20;
/** From here on a text is parsed in pieces of its own. Bytes. */
const LONG_TEXT = 2 ** 19;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const U = 0x75;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/** A container that is open. It has a value once it is known to be too large for one piece. */
interface Open {
  readonly isArray: boolean;
  readonly start: number;
  /** What comes from here on is not in the value yet. */
  from: number;
  /** The last comma between its items since then; -1 = none. */
  comma: number;
  /** A large item has just been put into it: only a comma or its end may follow. */
  isFull: boolean;
  /** Its key, or its number, in the one that it lies in. */
  name: string;
  value: unknown[] | Record<string, unknown> | null;
}

/** A part of the whole: a container with some of the items of one, or with all of them. */
export interface Piece {
  readonly value: unknown;
  /** In how many containers it lies. */
  readonly depth: number;
  /** The keys and numbers that lead to it. */
  path(): string[];
  /** Of an array: the number of its first item. */
  readonly first: number;
}

/** Looks at each piece before it becomes part of the whole. */
export type LookAt = (piece: Piece) => void;

/**
 * Parses JSON of any size in pieces, between which others have their turn of the event loop. Nothing else differs from
 * `JSON.parse`, but that the whole may have a million values, and no text may be longer than 16 MiB.
 * @throws SyntaxError; Failure request/malformed; whatever `lookAt` throws
 */
export async function parseJson(bytes: Buffer, maxDepth: number, lookAt: LookAt): Promise<unknown> {
  if (bytes.length > PIECE) return new Parser(bytes, maxDepth, lookAt).parse();
  const value = parseText(bytes);
  lookAt({ value, depth: 0, path: () => [], first: 0 });
  return value;
}

class Parser {
  private readonly bytes: Buffer;
  private readonly maxDepth: number;
  private readonly lookAt: LookAt;
  private readonly open: Open[] = [];
  private values = 0;

  constructor(bytes: Buffer, maxDepth: number, lookAt: LookAt) {
    this.bytes = bytes;
    this.maxDepth = maxDepth;
    this.lookAt = lookAt;
  }

  async parse(): Promise<unknown> {
    const { bytes } = this;
    let pauseAt = PIECE;
    for (let at = 0; at < bytes.length; at += 1) {
      if (at >= pauseAt) {
        await giveWay();
        pauseAt = at + PIECE;
      }
      const byte = bytes[at];
      if (byte === QUOTE) {
        const end = this.endOfText(at);
        if (end - at > LONG_TEXT) await this.takeText(at, end);
        at = end;
      }
      if (byte === COMMA) this.separate(at);
      else if (byte === ARRAY || byte === OBJECT) this.begin(at, byte === ARRAY);
      else if (byte === ARRAY_END || byte === OBJECT_END) {
        const whole = this.end(at, byte === ARRAY_END);
        if (whole !== undefined) return whole;
      }
    }
    throw new SyntaxError("Unexpected end of JSON input");
  }

  /** Where the closing quote is. */
  private endOfText(start: number): number {
    for (let end = start + 1; ; end += 1) {
      end = this.bytes.indexOf(QUOTE, end);
      if (end === -1) throw new SyntaxError("Unterminated string in JSON");
      if (end - start > LONGEST_TEXT) throw refusal(`a text is longer than ${LONGEST_TEXT} bytes`);
      if (!this.isEscaped(end)) return end;
    }
  }

  /** Whether a backslash belongs to what is there. */
  private isEscaped(at: number): boolean {
    let escapes = 0;
    while (this.bytes[at - 1 - escapes] === BACKSLASH) escapes += 1;
    return escapes % 2 === 1;
  }

  /** Puts a long text, unless it is a key, into the container it lies in. */
  private async takeText(start: number, end: number): Promise<void> {
    const depth = this.open.length - 1;
    const outer = this.open[depth];
    if (outer === undefined || this.isKey(end)) return;
    const parts: unknown[] = [];
    for (let from = start + 1; from < end; ) {
      const to = this.textCut(Math.min(end, from + PIECE), end);
      parts.push(parseText(this.bytes.subarray(from, to), '"', '"'));
      from = to;
      await giveWay();
    }
    const text = parts.join("");
    const name = this.put(text, { depth, outer, start });
    this.look(outer.isArray ? [text] : { [name]: text }, depth, outer.isArray ? Number(name) : 0);
    outer.from = end + 1;
  }

  private isKey(end: number): boolean {
    let at = end + 1;
    while (at < this.bytes.length && this.isBlank(at, at + 1)) at += 1;
    return this.bytes[at] === COLON;
  }

  /** Where a text can be cut, at `at` or a little later: neither within a character nor within an escape. */
  private textCut(at: number, end: number): number {
    let cut = at;
    for (let back = 0; back <= 4; back += 1) {
      if (!this.isEscaped(at - back)) continue;
      const length = this.bytes[at - back] === U ? 5 : 1;
      if (back < length) cut = at - back + length;
      break;
    }
    while (((this.bytes[cut] ?? 0) & 0xc0) === 0x80) cut += 1;
    return Math.min(cut, end);
  }

  private count(): void {
    this.values += 1;
    if (this.values > MOST_VALUES) throw refusal(`it holds more than ${MOST_VALUES} values`);
  }

  private begin(at: number, isArray: boolean): void {
    this.count();
    if (this.open.length === 0 && !this.isBlank(0, at))
      throw new SyntaxError("Unexpected token before a bracket");
    if (this.open.length > this.maxDepth) throw refusal(`it is nested deeper than ${this.maxDepth} levels`);
    this.open.push({ isArray, start: at, from: at + 1, comma: -1, isFull: false, name: "", value: null });
  }

  private separate(at: number): void {
    this.count();
    const top = this.open.at(-1);
    if (top === undefined) throw new SyntaxError("Unexpected token , in JSON");
    if (top.isFull) {
      this.skip(top, at);
      top.from = at + 1;
      top.comma = -1;
    } else {
      top.comma = at;
      if (at - top.from >= PIECE) this.take(this.open.length - 1, at);
    }
  }

  /** @returns the whole, if that was its end */
  private end(at: number, isArray: boolean): unknown {
    const top = this.open.at(-1);
    if (top === undefined || top.isArray !== isArray) throw new SyntaxError("Unexpected bracket in JSON");
    const depth = this.open.length - 1;
    // Small ones stay part of a piece of what they lie in.
    if (top.value === null && depth > 0) return void this.open.pop();
    if (top.isFull) this.skip(top, at);
    else if (top.value !== null || !this.isBlank(top.from, at)) this.take(depth, at);
    this.open.pop();
    const value = top.value ?? (isArray ? [] : {});
    const outer = this.open.at(-1);
    if (outer !== undefined) {
      outer.from = at + 1;
      return undefined;
    }
    if (!this.isBlank(at + 1, this.bytes.length)) throw new SyntaxError("Unexpected token after JSON");
    return value;
  }

  /** Puts the items up to `to` into a container's value, and makes it part of the one it lies in. */
  private take(depth: number, to: number): void {
    const container = this.open[depth];
    if (container === undefined) return;
    const value = this.valueOf(depth, container);
    const { isArray, from } = container;
    const piece = parseText(this.bytes.subarray(from, to), isArray ? "[" : "{", isArray ? "]" : "}");
    this.look(piece, depth, Array.isArray(value) ? value.length : 0);
    const before = Array.isArray(piece) ? piece.length : Object.keys(piece as object).length;
    if (before === 0) throw new SyntaxError("Unexpected token , in JSON");
    if (Array.isArray(value)) for (const item of piece as unknown[]) value.push(item);
    else Object.assign(value, piece);
    container.from = to + 1;
    container.comma = -1;
  }

  /** The value of a container, which is made with those of all it lies in. */
  private valueOf(depth: number, container: Open): unknown[] | Record<string, unknown> {
    if (container.value !== null) return container.value;
    const value: unknown[] | Record<string, unknown> = container.isArray ? [] : {};
    container.value = value;
    const outer = this.open[depth - 1];
    if (outer !== undefined)
      container.name = this.put(value, { depth: depth - 1, outer, start: container.start });
    return value;
  }

  /** Puts a large item, which begins at `start`, into what it lies in. @returns its key or number there */
  private put(
    value: unknown,
    { depth, outer, start }: { depth: number; outer: Open; start: number },
  ): string {
    const outerValue = this.valueOf(depth, outer);
    if (outer.isFull) throw new SyntaxError("Unexpected token after a bracket");
    if (outer.comma !== -1) this.take(depth, outer.comma);
    outer.isFull = true;
    if (Array.isArray(outerValue)) {
      if (!this.isBlank(outer.from, start)) throw new SyntaxError("Unexpected token before a bracket");
      outerValue.push(value);
      return String(outerValue.length - 1);
    }
    const named = parseText(this.bytes.subarray(outer.from, start), "{", "null}") as Record<string, unknown>;
    this.look(named, depth, 0);
    const [key] = Object.keys(named);
    if (key === undefined) throw new SyntaxError("Unexpected bracket in JSON");
    outerValue[key] = value;
    return key;
  }

  private look(value: unknown, depth: number, first: number): void {
    const path = (): string[] => this.open.slice(1, depth + 1).map(({ name }) => name);
    this.lookAt({ value, depth, path, first });
  }

  private skip(container: Open, to: number): void {
    if (!this.isBlank(container.from, to)) throw new SyntaxError("Unexpected token after a bracket");
    container.isFull = false;
  }

  private isBlank(from: number, to: number): boolean {
    for (let at = from; at < to; at += 1) {
      const byte = this.bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
    }
    return true;
  }
}

function refusal(why: string): Failure {
  return new Failure("request/malformed", `the request is not valid: ${why}`, {
    hint: "GET /api/v1/openapi.json describes every request",
  });
}

/** @throws SyntaxError */
function parseText(bytes: Buffer, before = "", after = ""): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: before !== "" }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError("it is not UTF-8", { cause });
  }
  return JSON.parse(`${before}${text}${after}`);
}
