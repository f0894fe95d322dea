/** A command line up to the cursor, taken apart as a shell does it. */
export interface ShellLine {
  /** The whole words, without their quotes. */
  readonly before: readonly string[];
  /** The word at the cursor without its quotes. */
  readonly current: string;
  /** That word as it is typed. */
  readonly raw: string;
}

/** Splits a line into words by the rules of sh for blanks, quotes and backslashes; nothing is expanded. */
export function splitShellLine(line: string): ShellLine {
  const before: string[] = [];
  let rest = line.trimStart();
  for (;;) {
    const { value, length } = readWord(rest);
    if (length === rest.length) return { before, current: value, raw: rest };
    before.push(value);
    rest = rest.slice(length).trimStart();
  }
}

/** The text of shell words without their quotes, up to an unquoted blank, and how long it is as typed. */
function readWord(text: string): { value: string; length: number } {
  let value = "";
  let quote = "";
  let index = 0;
  for (; index < text.length; index++) {
    const character = text.charAt(index);
    if (quote === "" && /\s/.test(character)) break;
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === "\\" && quote !== "'" && index + 1 < text.length) {
      index += 1;
      const next = text.charAt(index);
      value += quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next;
    } else value += character;
  }
  return { value, length: index };
}

/** The quote that is open at the end of a text: ', " or none. */
export function openQuote(text: string): "" | "'" | '"' {
  let quote: "" | "'" | '"' = "";
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === "\\" && quote !== "'") index += 1;
    else if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
  }
  return quote;
}

/**
 * What is put in place of `replaced`, the end of the typed word, to make the word `value`: with quotes where it needs them.
 * Bash replaces only what stands behind the last of its break characters, or behind the quote that is open.
 */
export function replacementOf(value: string, raw: string, replaced: string): string {
  const head = raw.endsWith(replaced) ? raw.slice(0, raw.length - replaced.length) : "";
  const kept = readWord(head).value;
  const tail = value.startsWith(kept) ? value.slice(kept.length) : value;
  const quote = openQuote(head);
  if (quote === "'") return tail.replaceAll("'", "'\\''");
  if (quote === '"') return tail.replace(/["\\$`]/g, "\\$&");
  return tail.replace(/[^\w@%+=:,./^~-]/g, "\\$&").replace(/^~/, "\\~");
}
