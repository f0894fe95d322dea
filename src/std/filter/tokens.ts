import { Failure } from "../failure.ts";

/** A piece of a filter. `column` counts characters from 1. */
export interface Token {
  readonly kind: "word" | "quoted" | "operator" | "(" | ")" | "," | "end";
  readonly text: string;
  readonly column: number;
}

const operators = ["!=", "!~", "<=", ">=", "==", "=", "<", ">", "~"];
const MAX_CHARACTERS = 4000;

/** What is wrong with a filter, and where. */
export function filterFailure(column: number, what: string, hint?: string): Failure {
  return new Failure("usage/invalid", `column ${column} of the filter: ${what}`, {
    hint: hint ?? "write it like 'state = failed and runtime = sdxl'; docs/lists.md has it all",
  });
}

/** Cuts a filter into pieces, the last of which is its end. @throws Failure usage/invalid */
export function tokenize(text: string): Token[] {
  const characters = [...text];
  if (characters.length > MAX_CHARACTERS)
    throw filterFailure(MAX_CHARACTERS + 1, `it is longer than ${MAX_CHARACTERS} characters`);
  const tokens: Token[] = [];
  let at = 0;
  while (at < characters.length) {
    const token = tokenAt(characters, at);
    if (token.kind !== "end") tokens.push(token);
    at = Math.max(at + 1, token.end);
  }
  return [...tokens, { kind: "end", text: "", column: characters.length + 1 }];
}

type Cut = Token & { readonly end: number };

/** Blanks are an end that is skipped. */
function tokenAt(characters: readonly string[], at: number): Cut {
  const first = characters[at] ?? "";
  const column = at + 1;
  if (/\s/.test(first)) return { kind: "end", text: "", column, end: at + 1 };
  if (first === "(" || first === ")" || first === ",")
    return { kind: first, text: first, column, end: at + 1 };
  if (first === '"' || first === "'") return quotedAt(characters, at);
  const two = first + (characters[at + 1] ?? "");
  const operator = operators.find((candidate) => candidate === two || candidate === first);
  if (operator !== undefined)
    return { kind: "operator", text: operator === "==" ? "=" : operator, column, end: at + operator.length };
  let end = at;
  while (end < characters.length && /[^\s()<>=~,'"!]/.test(characters[end] ?? "")) end += 1;
  if (end === at) throw filterFailure(column, `"${first}" means nothing here`, 'write "not" or "!="');
  return { kind: "word", text: characters.slice(at, end).join(""), column, end };
}

/** A backslash takes the quote, or itself, as it is. */
function quotedAt(characters: readonly string[], at: number): Cut {
  const quote = characters[at];
  let text = "";
  for (let end = at + 1; end < characters.length; end += 1) {
    const character = characters[end] ?? "";
    const next = characters[end + 1];
    if (character === quote) return { kind: "quoted", text, column: at + 1, end: end + 1 };
    const isEscape = character === "\\" && (next === quote || next === "\\");
    text += isEscape ? next : character;
    if (isEscape) end += 1;
  }
  throw filterFailure(at + 1, "this quote is never closed", `add ${quote} where the text ends`);
}
