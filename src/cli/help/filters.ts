import { eventFields, jobFields } from "../../protocol/list-fields.ts";
import { columnsOf, wrapText } from "../help-layout.ts";

/** Filters, each with what it chooses. A test parses them. */
export const filterExamples: readonly (readonly [filter: string, meaning: string])[] = [
  ["state = failed", "those that failed"],
  ["state in (queued, held) and priority > 0", "waiting ones that matter"],
  ["exitCode = 137 or reason.code = out-of-memory", "killed, or out of memory"],
  ["runtime ~ sd and not user = ada", "a text within; somebody else's"],
  ["summary ~ 'a * fox'", "* stands for any characters"],
  ["label.team = vision", "by a label, as of --label team=vision"],
  ["finishedAt > 2h ago", "by time; 2026-12-01 and 14:30, too"],
  ["worker != null", "null is what is not there"],
];

/** What follows a command that lists. */
const shapes: readonly (readonly [string, string])[] = [
  ["--sort runtime,-id", "by fields; - = largest first"],
  ["--columns id,state,user", "these columns, or fields of the JSON"],
  ["--format '{id} {state}'", "a line of your own for each"],
  ["--jsonl, --json, -q", "an object a line; one document; ids alone"],
];

/** The text of `orch help filters`, line by line. */
export function filterLines(width: number): string[] {
  const intro =
    "orch ls, orch events and other lists take --filter 'CONDITION' over the fields of their JSON: = != < <= > >= compare, ~ and !~ look for a text, in (A, B) names several. Join them with and, or, not and ( ).";
  const fields = (title: string, table: object) => [
    "",
    ...wrapText(`${title}: ${Object.keys(table).join(" ")}`, width - 2).map((line, index) =>
      index === 0 ? line : `  ${line}`,
    ),
  ];
  return [
    ...wrapText(intro, width),
    "",
    ...columnsOf(
      filterExamples.map(([filter, meaning]) => [filter, meaning] as const),
      width,
    ),
    "",
    "And how it is printed:",
    ...columnsOf(shapes, width),
    "",
    ...wrapText("So what is chosen can be given to other commands:", width),
    "",
    "  orch cancel $(orch ls -q --filter 'runtime = sdxl and state = queued')",
    ...fields("Fields of jobs", jobFields),
    ...fields("Fields of events", eventFields),
  ];
}
