import { suggest } from "../suggest.ts";
import { type Field, type Fields, findField } from "./fields.ts";
import type { Comparison, Filter, FilterValue, Operator } from "./filter.ts";
import { type FilterClock, readFilterValue } from "./filter-value.ts";
import { filterFailure, type Token, tokenize } from "./tokens.ts";

const DEPTH_MAX = 50;
const COMPARISONS_MAX = 200;
const keywords = ["and", "or", "not", "in"];

/**
 * Reads a filter: comparisons (`state = failed`, `worker != null`, `summary ~ fox`, `state in (queued, held)`) joined by
 * `and`, `or`, `not` and parentheses; `and` binds closer than `or`. A field that is true or false may stand alone.
 * @throws Failure usage/invalid with the column of the mistake
 */
export function parseFilter(text: string, fields: Fields, clock: FilterClock): Filter {
  const reader: Reader = { tokens: tokenize(text), at: 0, depth: 0, comparisons: 0, fields, clock };
  const filter = readOr(reader);
  const rest = peek(reader);
  if (rest.kind === "end") return filter;
  if (rest.kind === ")") throw filterFailure(rest.column, "this parenthesis was never opened");
  const word = rest.text === "&&" || rest.text === "&" ? "and" : /^\|\|?$/.test(rest.text) ? "or" : undefined;
  throw filterFailure(
    rest.column,
    `"and", "or" or the end was expected, not "${rest.text}"`,
    word === undefined ? "a value of several words needs quotes around it" : `write "${word}"`,
  );
}

interface Reader {
  readonly tokens: readonly Token[];
  at: number;
  depth: number;
  comparisons: number;
  readonly fields: Fields;
  readonly clock: FilterClock;
}

const endToken: Token = { kind: "end", text: "", column: 1 };

function peek({ tokens, at }: Reader): Token {
  return tokens[at] ?? tokens.at(-1) ?? endToken;
}

function take(reader: Reader): Token {
  const token = peek(reader);
  reader.at += 1;
  return token;
}

function isKeyword(token: Token, word: string): boolean {
  return token.kind === "word" && token.text.toLowerCase() === word;
}

function takeKeyword(reader: Reader, word: string): boolean {
  const found = isKeyword(peek(reader), word);
  if (found) reader.at += 1;
  return found;
}

function readOr(reader: Reader): Filter {
  const parts = [readAnd(reader)];
  while (takeKeyword(reader, "or")) parts.push(readAnd(reader));
  return join("or", parts);
}

function readAnd(reader: Reader): Filter {
  const parts = [readNot(reader)];
  while (takeKeyword(reader, "and")) parts.push(readNot(reader));
  return join("and", parts);
}

function join(kind: "and" | "or", parts: readonly Filter[]): Filter {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : { kind, parts };
}

function readNot(reader: Reader): Filter {
  reader.depth += 1;
  if (reader.depth > DEPTH_MAX)
    throw filterFailure(peek(reader).column, `more than ${DEPTH_MAX} conditions stand within each other`);
  const filter = takeKeyword(reader, "not")
    ? ({ kind: "not", part: readNot(reader) } as const)
    : peek(reader).kind === "("
      ? readParentheses(reader)
      : readComparison(reader);
  reader.depth -= 1;
  return filter;
}

function readParentheses(reader: Reader): Filter {
  const open = take(reader);
  const filter = readOr(reader);
  const close = take(reader);
  if (close.kind === ")") return filter;
  if (close.kind === "end") throw filterFailure(open.column, "this parenthesis is never closed");
  throw filterFailure(close.column, `")", "and" or "or" was expected, not "${close.text}"`);
}

function readComparison(reader: Reader): Filter {
  reader.comparisons += 1;
  const token = take(reader);
  if (reader.comparisons > COMPARISONS_MAX)
    throw filterFailure(token.column, `it has more than ${COMPARISONS_MAX} comparisons`);
  const field = readField(reader, token);
  const next = peek(reader);
  if (isKeyword(next, "in") || isKeyword(next, "not")) return readList(reader, field);
  if (next.kind !== "operator") {
    if (field.kind === "flag") return comparison(field, "=", [true]);
    throw filterFailure(
      next.column,
      `after ${token.text} one of = != < <= > >= ~ !~ in is missing`,
      `${token.text} = VALUE`,
    );
  }
  reader.at += 1;
  const operator = (next.text === "!=" ? "=" : next.text === "!~" ? "~" : next.text) as Operator;
  refuseSenseless(next, operator, field);
  const filter = comparison(field, operator, [readValue(reader, field, operator)]);
  return next.text.startsWith("!") ? { kind: "not", part: filter } : filter;
}

function readField(reader: Reader, token: Token): Field {
  if (token.kind === "end") throw filterFailure(token.column, "a field was expected here");
  if (token.kind !== "word" || keywords.includes(token.text.toLowerCase()))
    throw filterFailure(token.column, `a field was expected, not "${token.text}"`);
  const field = findField(reader.fields, token.text);
  if (field !== undefined) return field;
  const names = Object.keys(reader.fields);
  const near = suggest(token.text, names);
  const hint = near === undefined ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  throw filterFailure(token.column, `there is no field "${token.text}"`, hint);
}

function readList(reader: Reader, field: Field): Filter {
  const isNot = takeKeyword(reader, "not");
  const word = take(reader);
  if (!isKeyword(word, "in")) throw filterFailure(word.column, '"in" was expected after "not"');
  const open = take(reader);
  if (open.kind !== "(")
    throw filterFailure(open.column, '"(" was expected after "in"', "state in (queued, held)");
  const values: FilterValue[] = [];
  for (;;) {
    values.push(readValue(reader, field, "="));
    const next = take(reader);
    if (next.kind === ")") break;
    if (next.kind === "end") throw filterFailure(open.column, "this parenthesis is never closed");
    if (next.kind !== ",") throw filterFailure(next.column, `"," or ")" was expected, not "${next.text}"`);
  }
  const filter = comparison(field, "=", values);
  return isNot ? { kind: "not", part: filter } : filter;
}

function readValue(reader: Reader, field: Field, operator: Operator): FilterValue {
  const token = take(reader);
  if (token.kind === "word" && field.kind === "time" && takeKeyword(reader, "ago"))
    return readFilterValue({ ...token, text: `${token.text} ago` }, field, operator, reader.clock);
  const unit = takeUnit(reader, token, field);
  if (unit !== null)
    return readFilterValue({ ...token, text: `${token.text}${unit}` }, field, operator, reader.clock);
  if (token.kind === "word" || token.kind === "quoted") {
    const value = readFilterValue(token, field, operator, reader.clock);
    if (value !== null || operator === "=") return value;
    throw filterFailure(token.column, "null has no order and no text: only = and != go with it");
  }
  throw filterFailure(
    token.column,
    token.kind === "end" ? "a value is missing" : `a value was expected, not "${token.text}"`,
    "text with signs in it needs quotes around it",
  );
}

/** "10 GiB" is what people write, too. */
function takeUnit(reader: Reader, token: Token, { kind }: Field): string | null {
  const next = peek(reader);
  const isAmount = (kind === "bytes" || kind === "duration") && /^\d+(\.\d+)?$/.test(token.text);
  const isUnit = next.kind === "word" && !keywords.includes(next.text.toLowerCase());
  if (!isAmount || !isUnit) return null;
  reader.at += 1;
  return next.text;
}

function refuseSenseless({ column, text }: Token, operator: Operator, { path, kind }: Field): void {
  const isText = kind === "text" || typeof kind !== "string";
  if (operator === "~" && !isText)
    throw filterFailure(column, `${path} is no text, and ${text} looks for a text in one`, `${path} = VALUE`);
  if (operator !== "=" && kind === "flag")
    throw filterFailure(column, `${path} is true or false: ${text} means nothing`, `${path} = true`);
}

function comparison({ path, kind }: Field, operator: Operator, values: readonly FilterValue[]): Comparison {
  return { kind: "compare", path, isTime: kind === "time", operator, values };
}
