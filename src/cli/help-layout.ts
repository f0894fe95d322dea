import { widthOf } from "./text/width.ts";

/** What help is laid out for where nobody says how wide it may be: a pipe, a pager, a page of a document. */
const DEFAULT_COLUMNS = 80;
/** Longer lines are hard to read. */
const MOST_COLUMNS = 100;

/** Columns of a help text on this output. */
export function helpWidth(stdout: { readonly columns?: number }): number {
  return Math.min(stdout.columns ?? DEFAULT_COLUMNS, MOST_COLUMNS);
}

/** The head of a command's help: what it does, then how it is used. */
export function introduction(summary: string, examples: readonly string[], width: number): string {
  const text = summary.split("\n").flatMap((line) => wrapText(line, width));
  return [...text, ...(examples.length === 0 ? [] : ["", ...exampleLines(examples, width)])].join("\n");
}

/** The help of a command of several words. */
export function groupHelp(
  group: { readonly name: string; readonly summary: string; readonly aloneIs: string },
  members: readonly {
    readonly name: string;
    readonly summary: string;
    readonly examples: readonly string[];
  }[],
  width: number,
): string {
  const examples = members.flatMap((member) => member.examples.slice(0, 1));
  const rows = members.map((member) => [`orch ${member.name}`, member.summary] as const);
  return [
    `Usage: orch ${group.name} COMMAND [flags]`,
    "",
    introduction(group.summary, examples, width),
    "",
    "Commands:",
    ...columnsOf(rows, width),
    "",
    ...wrapText(
      `\`orch ${group.name}\` alone is \`orch ${group.aloneIs}\`. Flags of one: orch ${group.name} COMMAND --help`,
      width,
    ),
  ].join("\n");
}

/** Pairs in two columns, the right one wrapped within `width`. */
export function columnsOf(rows: readonly (readonly [string, string])[], width: number): string[] {
  const left = Math.min(Math.max(0, ...rows.map(([name]) => widthOf(name))), Math.floor(width / 2));
  const indent = " ".repeat(left + 4);
  return rows.flatMap(([name, text]) => {
    const [first = "", ...rest] = wrapText(text, width - left - 4);
    const fits = widthOf(name) <= left;
    const head = `  ${name}${" ".repeat(Math.max(0, left - widthOf(name)))}`;
    const lines = fits ? [`${head}  ${first}`] : [head, `${indent}${first}`];
    return [...lines, ...rest.map((line) => `${indent}${line}`)].map((line) => line.trimEnd());
  });
}

/** Breaks a text between words so that each line has at most `width` columns, where its words allow that. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function exampleLines(examples: readonly string[], width: number): string[] {
  return ["Examples:", ...examples.flatMap((example) => layExample(example, width - 2))].map((line, index) =>
    index === 0 ? line : `  ${line}`,
  );
}

/** An example that is too long: its remark goes above it, and its words onto several lines as a shell reads them. */
function layExample(example: string, width: number): string[] {
  if (widthOf(example) <= width) return [example];
  const [, command = example, remark] = /^(.*?\S) {2,}(?:# *)?(\S.*)$/.exec(example) ?? [];
  const lines: string[] = [];
  for (const word of shellWords(command)) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width - 2)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `  ${word}`);
  }
  const broken = lines.map((line, index) => (index === lines.length - 1 ? line : `${line} \\`));
  return [...(remark === undefined ? [] : wrapText(remark, width - 2).map((line) => `# ${line}`)), ...broken];
}

/** The words of a line as they stand there, quotes included. */
function shellWords(line: string): string[] {
  return line.match(/(?:"[^"]*"|'[^']*'|\$\([^)]*\)|[^\s"'])+/g) ?? [];
}
