import { createInterface } from "node:readline/promises";
import type { Client, InputOf } from "../../client/client.ts";
import { finishedStates } from "../../protocol/list-fields.ts";
import { formatBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader, wordsFlag } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { readPastTime } from "../submit/past-time.ts";

interface Options {
  readonly olderThan?: string;
  readonly state?: (typeof finishedStates)[number][];
  readonly runtime?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

type Asked = InputOf<"POST /jobs/prune">;

/** Removing and measuring thousands of folders takes its time. */
const LONGEST_MS = 600_000;

export const prune = command<Options>({
  name: "prune",
  summary: "Remove jobs that ended long ago, with their logs and files. Asks before it does.",
  examples: [
    "orch prune --older-than 30d --dry-run",
    "orch prune --older-than 7d --state succeeded --yes",
    "orch prune --older-than 2026-12-01 --runtime sdxl",
  ],
  describe: (parser) =>
    parser
      .requiredOption("--older-than <time>", "those that ended before then, e.g. 30d, 12h, 2026-12-01")
      .option("--state <states>", `only ${finishedStates.join(", ")}`, wordsFlag("--state", finishedStates))
      .option("--runtime <name>", "only jobs of this runtime")
      .option("--dry-run", "say what would be removed")
      .option("-y, --yes", "do not ask"),
  async run(context, _args, options) {
    const { out, io } = context;
    const before = flagReader("--older-than", (text) => readPastTime(text, io.clock.nowMs()))(
      options.olderThan ?? "",
    );
    const asked: Asked = {
      before,
      ...(options.state === undefined ? {} : { states: options.state }),
      ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
    };
    const mayAsk = io.stdin.isTTY === true && io.stderr.isTTY === true && !out.format.json;
    if (options.dryRun !== true && options.yes !== true && !mayAsk) {
      throw new Failure("usage/invalid", "nobody can be asked whether that is meant", {
        why: "there is no terminal",
        hint: "look with --dry-run, then add --yes",
      });
    }
    const client = await context.connect();
    if (options.yes !== true || options.dryRun === true) {
      const found = await client.call(
        "POST /jobs/prune",
        { ...asked, dryRun: true },
        { timeoutMs: LONGEST_MS },
      );
      if (options.dryRun === true || found.jobs === 0) {
        out.result(found, { text: () => out.print(`${sizeText(found)} would be removed`) });
        return 0;
      }
      const since = new Date(before).toISOString().slice(0, 16).replace("T", " ");
      if (!(await confirm(context, `Remove ${sizeText(found)}, which ended before ${since} UTC? [y/N] `))) {
        out.note("nothing is removed");
        return 1;
      }
    }
    const removed = await removeAll(context, client, asked);
    out.result(removed, { text: () => out.print(`${sizeText(removed)} removed`) });
    return 0;
  },
});

async function removeAll(
  { out, signal }: Context,
  client: Client,
  asked: Asked,
): Promise<{ jobs: number; bytes: number; more: boolean }> {
  const removed = { jobs: 0, bytes: 0, more: false };
  for (;;) {
    const part = await client.call("POST /jobs/prune", asked, { signal, timeoutMs: LONGEST_MS });
    removed.jobs += part.jobs;
    removed.bytes += part.bytes;
    // Jobs that cannot be removed would be found for ever.
    if (!part.more || part.jobs === 0) return removed;
    out.progress(`${removed.jobs} jobs removed`);
  }
}

function sizeText({ jobs, bytes, more }: { jobs: number; bytes: number; more: boolean }): string {
  const size = jobs === 0 ? "" : ` with ${formatBytes(bytes)} of files`;
  return `${more ? "more than " : ""}${jobs} job${jobs === 1 ? "" : "s"}${size}`;
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
