// Text that others wrote (names, params, logs): nothing of it may steer the terminal or move what stands beside it.

/** Escape sequences as ECMA-48 has them: strings (OSC, DCS, …) with their content, CSI, two-character ones. */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|$)|\x1b[ -/]*(?:[0-~]|$)/gu;
/** Characters that have no width and turn or join others (bidi marks, joiners, variation selectors). */
const UNSEEN = /\p{Cf}|[\u115f\u1160\u2028\u2029]|[\ufe00-\ufe0f]/gu;
const TAB_COLUMNS = 8;

/** One line of text, without escape sequences, controls, marks that reorder it, and runs of white space. */
export function plain(text: string): string {
  if (/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(text)) return text;
  return text
    .replace(ESCAPES, "")
    .replace(/[\s\u2028\u2029]+/gu, " ")
    .replace(UNSEEN, "")
    .replace(/\p{Cc}/gu, "�")
    .trim();
}

/** A line of a log: as `plain`, but its columns stay, and of a line that was drawn over (`\r`) the last state counts. */
export function plainLogLine(line: string): string {
  const states = line.replace(ESCAPES, "").split("\r");
  const last = states.findLast((state) => state !== "") ?? "";
  return expandTabs(last)
    .replace(UNSEEN, "")
    .replace(/\p{Cc}/gu, "�")
    .trimEnd();
}

function expandTabs(text: string): string {
  if (!text.includes("\t")) return text;
  return text
    .split("\t")
    .map((part, index, parts) =>
      index === parts.length - 1 ? part : part + " ".repeat(TAB_COLUMNS - (part.length % TAB_COLUMNS)),
    )
    .join("");
}
