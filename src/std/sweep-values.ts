import { Failure } from "./failure.ts";
import { atOnce, type Steps } from "./give-way.ts";

/** A value that one param takes in a sweep. */
export type SweepValue = string | number | boolean;

/** The values of one param in order; a range is not built before it is needed. */
export interface SweepValues {
  readonly count: number;
  /** @param index 0 to count - 1 */
  at(index: number): SweepValue;
}

const decimal = "[+-]?(?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:e[+-]?\\d{1,2})?";
const rangeForm = new RegExp(`^(?!.*\\.{3})(${decimal})\\.\\.(${decimal})(?::(${decimal}))?$`, "i");
/** No range is longer; what is longer is text, and need not be looked at closely. */
const maxRangeLength = 200;
/** Would be a range but for some mistake; `../file` and `..` are not meant by it. */
const nearlyRange = /^(?=.*\d)[-+.\de]*\.\.[-+.\de]*(:[-+.\de]*)?$/i;

/** A list of more items than a sweep may have jobs need not be read to its end. */
const MOST_ITEMS = 100_000;
/** Items that are read between two pauses. */
const ITEMS_PER_STEP = 1_000;

/** As `readSweepValues`, with pauses. @throws Failure param/invalid, usage/invalid */
export function* sweepValuesInSteps(name: string, text: string): Steps<SweepValues> {
  const trimmed = text.trim();
  if (trimmed === "") throw wrong(name, "it has no values", `write ${name}=1,2 or ${name}=1..5`);
  if (trimmed.startsWith("[")) return listOf(yield* readJsonList(name, trimmed));
  const parts: SweepValues[] = [];
  for (const { value, isQuoted } of splitItems(name, trimmed)) {
    parts.push(isQuoted ? listOf([value]) : readItem(name, value));
    if (parts.length > MOST_ITEMS) throw tooMany(name);
    if (parts.length % ITEMS_PER_STEP === 0) yield;
  }
  return joined(parts);
}

/**
 * Reads what a param takes in turn: text separated by commas (`20,30`), ranges (`1..5`, `0.1..0.5:0.1`; the end is
 * included if a step meets it), quoted text as in JSON (`"a, b",c`), or one JSON list (`[1,"two",true]`).
 * Text and ranges give text, as any flag does, for the type of the param to read; a JSON list gives what it holds.
 * Blanks around an unquoted value are dropped. A value may come twice, and then counts twice.
 * @param name of the param, for messages
 * @throws Failure param/invalid
 */
export function readSweepValues(name: string, text: string): SweepValues {
  return atOnce(sweepValuesInSteps(name, text));
}

function tooMany(name: string): Failure {
  const most = MOST_ITEMS.toLocaleString("en-US");
  return new Failure("usage/invalid", `"${name}" takes more than ${most} values; at most ${most} jobs`, {
    why: "a sweep makes a job of each combination",
    hint: "take fewer values, or several sweeps",
  });
}

function wrong(name: string, why: string, hint: string): Failure {
  return new Failure("param/invalid", `the values of "${name}" are wrong`, { why, hint });
}

function listOf(values: readonly SweepValue[]): SweepValues {
  return { count: values.length, at: (index) => values[index] ?? "" };
}

function joined(parts: readonly SweepValues[]): SweepValues {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const starts: number[] = [];
  let count = 0;
  for (const part of parts) {
    starts.push(count);
    count += part.count;
  }
  const at = (index: number): SweepValue => {
    const part = lastUpTo(starts, index);
    return parts[part]?.at(index - (starts[part] ?? 0)) ?? "";
  };
  return { count, at };
}

/** Where the last number lies that is not above `limit`; the numbers ascend, and the first is 0. */
function lastUpTo(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle;
    else high = middle;
  }
  return low;
}

/** Characters of a JSON list that are parsed between two pauses. */
const LIST_PIECE = 64 * 1024;

/** Parses a JSON list, a long one in pieces that end with commas between its elements. @throws SyntaxError */
function* parseList(text: string): Steps<unknown> {
  if (text.length <= LIST_PIECE || !text.endsWith("]")) return JSON.parse(text);
  const list: unknown[] = [];
  let from = 1;
  const take = (to: number): void => {
    const piece = JSON.parse(`[${text.slice(from, to)}]`) as unknown[];
    if (piece.length === 0) throw new SyntaxError("an element is missing beside a comma");
    for (const element of piece) list.push(element);
    from = to + 1;
  };
  const mark = /[",[\]{}]/g;
  mark.lastIndex = 1;
  let depth = 0;
  for (let found = mark.exec(text); found !== null && list.length <= MOST_ITEMS; found = mark.exec(text)) {
    const [character] = found;
    if (character === '"') mark.lastIndex = endOfText(text, found.index) + 1;
    else if (character === "[" || character === "{") depth += 1;
    else if (character !== ",") depth -= 1;
    else if (depth === 0 && found.index - from >= LIST_PIECE) {
      take(found.index);
      yield;
    }
  }
  take(text.length - 1);
  return list;
}

/** Where the quote is that closes the one at `start`; the end of the text if there is none. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

function* readJsonList(name: string, text: string): Steps<SweepValue[]> {
  const hint = `quote text that begins with [, like ${name}='"[cat]"'`;
  let list: unknown;
  try {
    list = yield* parseList(text);
  } catch (cause) {
    throw wrong(name, `it begins with [ and is no JSON list: ${(cause as Error).message}`, hint);
  }
  if (!Array.isArray(list)) throw wrong(name, "it is no JSON list", hint);
  if (list.length > MOST_ITEMS) throw tooMany(name);
  if (list.length === 0) throw wrong(name, "its list is empty", `write ${name}=[1,2] or leave ${name} out`);
  return list.map((value: unknown, index): SweepValue => {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
    throw wrong(name, `element ${index + 1} of its list is not text, a number, true or false`, hint);
  });
}

/** Splits at commas outside of quotes. A quote counts only where a value begins. */
function* splitItems(name: string, text: string): Generator<{ value: string; isQuoted: boolean }> {
  const item = /\s*(?:("(?:[^"\\]|\\.)*")\s*|([^",\s][^,]*))?(,|$)/sy;
  for (;;) {
    const at = item.lastIndex;
    const match = item.exec(text);
    if (match === null) {
      const why = /^\s*"(?:[^"\\]|\\.)*$/s.test(text.slice(at))
        ? "a quote is not closed"
        : "a comma is missing after a quote";
      throw wrong(name, `${why}: ${text.slice(at, at + 40).trim()}`, `write it like ${name}='"a, b",c'`);
    }
    const [, quoted, plain, end] = match;
    if (quoted === undefined && plain === undefined) {
      throw wrong(name, "a value is missing beside a comma", `write "" for empty text, like ${name}='a,""'`);
    }
    yield quoted === undefined
      ? { value: (plain ?? "").trimEnd(), isQuoted: false }
      : { value: unquote(name, quoted), isQuoted: true };
    if (end === "") return;
  }
}

function unquote(name: string, quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw wrong(
      name,
      `${quoted.slice(0, 40)} is not text in JSON`,
      'write \\" for a quote and \\\\ for a backslash in it',
    );
  }
}

/** A range, or plain text. */
function readItem(name: string, text: string): SweepValues {
  if (text.length > maxRangeLength) return listOf([text]);
  const match = rangeForm.exec(text);
  if (match !== null) return readRange(name, text, match[1] ?? "", match[2] ?? "", match[3]);
  if (!nearlyRange.test(text)) return listOf([text]);
  throw wrong(
    name,
    `"${text}" is not a range`,
    `write it like ${name}=1..5 or ${name}=0.1..0.5:0.1, or quote it as text`,
  );
}

/** Counts in whole units of the last decimal, so that 0.1 + 0.2 is 0.3. */
function readRange(
  name: string,
  text: string,
  from: string,
  to: string,
  step: string | undefined,
): SweepValues {
  const parts = [from, to, step ?? "1"].map((part) => readDecimal(part));
  const decimals = Math.max(0, ...parts.map((part) => part.decimals));
  if (decimals > 30) throw wrong(name, `"${text}" has more than 30 decimals`, "list the values instead");
  const [first = 0n, last = 0n, each = 1n] = parts.map(
    (part) => part.digits * 10n ** BigInt(decimals - part.decimals),
  );
  if (step === undefined && decimals > 0) {
    throw wrong(name, `"${text}" is a range of fractions without a step`, `write ${name}=${text}:0.1`);
  }
  if (each <= 0n)
    throw wrong(name, `the step of "${text}" must be more than 0`, `write ${name}=${from}..${to}:1`);
  if (first > last) {
    throw wrong(
      name,
      `a range goes up, and ${from} is more than ${to}`,
      `write ${to}..${from}, or list the values`,
    );
  }
  const count = Number((last - first) / each) + 1;
  return { count, at: (index) => showDecimal(first + each * BigInt(index), decimals) };
}

/** The value is digits / 10^decimals. */
function readDecimal(text: string): { digits: bigint; decimals: number } {
  const [, sign, whole = "", fraction = "", exponent = "0"] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const decimals = fraction.length - Number(exponent);
  const digits = BigInt(`${whole}${fraction}`) * (decimals < 0 ? 10n ** BigInt(-decimals) : 1n);
  return { digits: sign === "-" ? -digits : digits, decimals: Math.max(0, decimals) };
}

function showDecimal(digits: bigint, decimals: number): string {
  const sign = digits < 0n ? "-" : "";
  const all = String(digits < 0n ? -digits : digits).padStart(decimals + 1, "0");
  const fraction = all.slice(all.length - decimals).replace(/0+$/, "");
  const whole = all.slice(0, all.length - decimals);
  return decimals === 0 || fraction === "" ? sign + whole : `${sign}${whole}.${fraction}`;
}
