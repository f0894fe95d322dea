import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader } from "../arguments.ts";
import type { Parser } from "../command.ts";
import type { Context } from "../context.ts";

/** The flags that every list takes. */
export interface ListFlags {
  readonly filter?: string;
  readonly sort?: string;
  readonly columns?: string;
  readonly format?: string;
  readonly jsonl?: boolean;
  /** False with --no-headers. */
  readonly headers?: boolean;
  /** Milliseconds; true = the default. */
  readonly watch?: number | true;
}

const WATCH_MS = 2000;
const WATCH_MIN_MS = 100;

/** Declares them. Streams have neither an end that could be sorted nor a heading. */
export function describeListFlags(parser: Parser, { isStream = false } = {}): void {
  parser.optionsGroup("List:");
  parser.option("--filter <condition>", "only these, e.g. 'state = failed and runtime ~ sd': docs/lists.md");
  parser.option("--columns <names>", "columns of the table or fields of the JSON, e.g. id,state");
  parser.option("--format <template>", "a line for each, e.g. '{id} {state}', of fields of the JSON");
  parser.option("--jsonl", "print one JSON object a line");
  if (isStream) return;
  parser.option("--sort <fields>", "by fields of the JSON, e.g. runtime,-id; - = largest first");
  parser.option("--no-headers", "leave the heading line out");
  parser.option(
    "--watch [seconds]",
    "again every two seconds, or every so many; in a pipe whenever something changed",
    flagReader("--watch", readInterval),
  );
}

function readInterval(text: string): number {
  const ms = parseDurationMs(text);
  if (ms >= WATCH_MIN_MS) return ms;
  throw new Failure("usage/invalid", `"${text}" is too short`, { hint: "0.1 is the shortest" });
}

/** How long a watch waits between two looks. Milliseconds; undefined without --watch. */
export function watchMsOf({ watch }: ListFlags): number | undefined {
  return watch === true ? WATCH_MS : watch;
}

/** There is one shape of output at a time. @throws Failure usage/invalid */
export function refuseTwoShapes({ out: { format } }: Context, flags: ListFlags): void {
  const asked = [
    ["--format", flags.format !== undefined],
    ["--jsonl", flags.jsonl === true],
    ["--json", format.json],
    ["-q", format.quiet],
    ["--columns", flags.columns !== undefined],
  ] as const;
  const [first, second] = asked.flatMap(([flag, isGiven]) => (isGiven ? [flag] : []));
  if (first === undefined || second === undefined) return;
  throw new Failure("usage/invalid", `${first} and ${second} do not go together`, {
    why: "each says in another way what is printed",
    hint: "leave one out",
  });
}
