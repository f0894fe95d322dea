import { createInterface } from "node:readline/promises";
import type { Client, InputOf } from "../../client/client.ts";
import { finishedStates } from "../../protocol/list-fields.ts";
import { formatBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader, wordsFlag } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { readPastTime } from "../submit/past-time.ts";

/** As jobs end, and as tasks do. */
const states = [...finishedStates, "done"] as const;

interface Options {
  readonly olderThan?: string;
  readonly state?: (typeof states)[number][];
  readonly runtime?: string;
  readonly tasks?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** What of a request or an answer tells how much there is. */
interface Amount {
  readonly jobs?: number;
  readonly tasks?: number;
  readonly results?: number;
  readonly bytes: number;
  readonly more: boolean;
}

/** What is to be removed: jobs, or tasks of documents. */
type Prune = (client: Client, dryRun: boolean, signal?: AbortSignal) => Promise<Amount>;

/** Removing and measuring thousands of folders takes its time. */
const LONGEST_MS = 600_000;

export const prune = command<Options>({
  name: "prune",
  summary:
    "Remove jobs or tasks that ended long ago, with their logs, files and results. Asks before it does.",
  examples: [
    "orch prune --older-than 30d --dry-run",
    "orch prune --older-than 7d --state succeeded --yes",
    "orch prune --older-than 2026-12-01 --runtime sdxl",
    "orch prune --tasks --older-than 90d --dry-run",
  ],
  describe: (parser) =>
    parser
      .requiredOption("--older-than <time>", "those that ended before then, e.g. 30d, 12h, 2026-12-01")
      .option(
        "--state <states>",
        `only ${finishedStates.join(", ")}; of tasks done or failed`,
        wordsFlag("--state", states),
      )
      .option("--runtime <name>", "only jobs of this runtime")
      .option("--tasks", "tasks of documents with their results, in place of jobs; of a document all or none")
      .option("--dry-run", "say what would be removed")
      .option("-y, --yes", "do not ask"),
  async run(context, _args, options) {
    const { out, io } = context;
    const before = flagReader("--older-than", (text) => readPastTime(text, io.clock.nowMs()))(
      options.olderThan ?? "",
    );
    const ask = options.tasks === true ? askForTasks(before, options) : askForJobs(before, options);
    const mayAsk = io.stdin.isTTY === true && io.stderr.isTTY === true && !out.format.json;
    if (options.dryRun !== true && options.yes !== true && !mayAsk) {
      throw new Failure("usage/invalid", "nobody can be asked whether that is meant", {
        why: "there is no terminal",
        hint: "look with --dry-run, then add --yes",
      });
    }
    const client = await context.connect();
    if (options.yes !== true || options.dryRun === true) {
      const found = await ask(client, true);
      if (options.dryRun === true || countOf(found) === 0) {
        out.result(found, { text: () => out.print(`${sizeText(found)} would be removed`) });
        return 0;
      }
      const since = new Date(before).toISOString().slice(0, 16).replace("T", " ");
      if (!(await confirm(context, `Remove ${sizeText(found)}, which ended before ${since} UTC? [y/N] `))) {
        out.note("nothing is removed");
        return 1;
      }
    }
    const removed = await removeAll(context, client, ask);
    out.result(removed, { text: () => out.print(`${sizeText(removed)} removed`) });
    return 0;
  },
});

function askForJobs(before: number, { state, runtime }: Options): Prune {
  const wanted = finishedStates.filter((each) => state?.includes(each));
  if (state?.includes("done") === true)
    throw new Failure("usage/invalid", '--state: no job is "done"', {
      hint: `use ${finishedStates.join(", ")}, or --tasks`,
    });
  const asked: InputOf<"POST /jobs/prune"> = {
    before,
    ...(state === undefined ? {} : { states: wanted }),
    ...(runtime === undefined ? {} : { runtime }),
  };
  return (client, dryRun, signal) =>
    client.call("POST /jobs/prune", { ...asked, dryRun }, { signal, timeoutMs: LONGEST_MS });
}

function askForTasks(before: number, { state = [], runtime }: Options): Prune {
  if (runtime !== undefined)
    throw new Failure("usage/invalid", "--tasks and --runtime do not go together", {
      why: "the tasks of a document may run on several",
      hint: "leave one of them out",
    });
  const other = state.find((each) => each !== "done" && each !== "failed");
  if (other !== undefined)
    throw new Failure("usage/invalid", `--state: no task is "${other}"`, { hint: "use done, failed" });
  const isOne = new Set(state).size === 1;
  const asked: InputOf<"POST /tasks/prune"> = {
    before,
    ...(isOne ? { state: state.includes("done") ? ("done" as const) : ("failed" as const) } : {}),
  };
  return (client, dryRun, signal) =>
    client.call("POST /tasks/prune", { ...asked, dryRun }, { signal, timeoutMs: LONGEST_MS });
}

async function removeAll({ out, signal }: Context, client: Client, ask: Prune): Promise<Amount> {
  let removed: Amount | null = null;
  for (;;) {
    const part = await ask(client, false, signal);
    removed = removed === null ? part : sum(removed, part);
    // What cannot be removed would be found for ever.
    if (!part.more || countOf(part) === 0) return removed;
    out.progress(`${countsText(removed)} removed`);
  }
}

function sum(left: Amount, right: Amount): Amount {
  const add = (name: "jobs" | "tasks" | "results"): Partial<Amount> =>
    left[name] === undefined ? {} : { [name]: left[name] + (right[name] ?? 0) };
  return {
    ...add("jobs"),
    ...add("tasks"),
    ...add("results"),
    bytes: left.bytes + right.bytes,
    more: right.more,
  };
}

function countOf({ jobs = 0, tasks = 0, results = 0 }: Amount): number {
  return jobs + tasks + results;
}

function countsText({ jobs, tasks = 0, results = 0 }: Amount): string {
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
  if (jobs !== undefined) return counted(jobs, "job");
  return results === 0
    ? counted(tasks, "task")
    : `${counted(tasks, "task")} and ${counted(results, "result")}`;
}

function sizeText(found: Amount): string {
  const size = countOf(found) === 0 ? "" : ` with ${formatBytes(found.bytes)} of files`;
  return `${found.more ? "more than " : ""}${countsText(found)}${size}`;
}

async function confirm({ io }: Context, question: string): Promise<boolean> {
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } catch {
    return false; // The terminal was closed, or Ctrl-C pressed.
  } finally {
    lines.close();
  }
}
