import { parseBytes } from "../bytes.ts";
import { parseDurationMs } from "../duration.ts";
import { Failure } from "../failure.ts";
import { parsePast } from "../past-time.ts";
import { suggest } from "../suggest.ts";
import type { Field } from "./fields.ts";
import type { FilterValue, Operator } from "./filter.ts";
import { filterFailure, type Token } from "./tokens.ts";

/** What times are reckoned from. */
export interface FilterClock {
  readonly nowMs: number;
  /** An IANA name. */
  readonly timeZone: string;
}

/**
 * The value that a word of a filter stands for, by what its field holds: 10GiB, 2h, true, a time. For a time "2h" is
 * two hours ago.
 * @throws Failure usage/invalid, with the column
 */
export function readFilterValue(
  token: Token,
  field: Field,
  operator: Operator,
  clock: FilterClock,
): FilterValue {
  const { text, column } = token;
  const { kind } = field;
  if (token.kind === "word" && text.toLowerCase() === "null") return null;
  if (typeof kind !== "string") return operator === "~" ? text : oneOf(token, field.path, kind);
  switch (kind) {
    case "text":
      return text;
    case "flag":
      if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
      throw filterFailure(column, `${field.path} is true or false, not "${text}"`);
    case "number":
      return numberOr(text) ?? wrong(token, field, "a number");
    case "bytes":
      return numberOr(text) ?? attempt(token, field, () => parseBytes(text));
    case "duration":
      // A bare number is what the JSON view has.
      return numberOr(text) ?? attempt(token, field, () => parseDurationMs(text));
    case "time":
      return attempt(token, field, () => parsePast(text, clock.nowMs, clock.timeZone));
  }
}

function numberOr(text: string): number | null {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

function oneOf({ text, column }: Token, path: string, words: readonly string[]): string {
  if (words.includes(text)) return text;
  const near = suggest(text, words);
  throw filterFailure(
    column,
    `${path} is never "${text}"; it is one of ${words.join(", ")}`,
    near === undefined ? undefined : `did you mean ${near}?`,
  );
}

function wrong({ text, column }: Token, { path }: Field, what: string): never {
  throw filterFailure(column, `${path} is compared with ${what}, and "${text}" is none`);
}

function attempt(token: Token, field: Field, read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw filterFailure(token.column, `${field.path}: ${error.message}`, error.hint);
  }
}
