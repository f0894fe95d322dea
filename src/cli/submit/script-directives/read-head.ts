import { Failure } from "../../../std/failure.ts";

/** A line of flags at the head of a script. */
export interface Directive {
  readonly kind: "SBATCH" | "ORCH";
  /** Counted from 1. */
  readonly line: number;
  readonly words: readonly string[];
}

/**
 * The #SBATCH and #ORCH lines of a script, up to its first command: other comments and empty lines may stand between them. A
 * word is in quotes or not, a backslash takes the next character as it is, in quotes, too, and an unquoted # begins a comment.
 * @throws Failure usage/invalid for a quote that does not end
 */
export function readHead(text: string): Directive[] {
  const directives: Directive[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const [, kind, rest = ""] = /^#(SBATCH|ORCH)(?=\s|$)(.*)$/.exec(line) ?? [];
    if (kind === "SBATCH" || kind === "ORCH")
      directives.push({ kind, line: index + 1, words: splitWords(rest, index + 1) });
    else if (!/^\s*(#|$)/.test(line)) break;
  }
  return directives;
}

function splitWords(text: string, line: number): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === "\\" && index + 1 < text.length) {
      index += 1;
      word = (word ?? "") + text.charAt(index);
    } else if (quote !== "" && character === quote) quote = "";
    else if (quote !== "") word = (word ?? "") + character;
    else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === "#") break;
    else if (!/\s/.test(character)) word = (word ?? "") + character;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (quote !== "") throw new Failure("usage/invalid", `line ${line}: the quote ${quote} does not end`);
  return word === undefined ? words : [...words, word];
}
