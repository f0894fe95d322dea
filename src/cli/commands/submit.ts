import type { Client } from "../../client/client.ts";
import type { Submission } from "../../operations/api.ts";
import type { RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { type Command, createParser, type Parser, parse, parseOperands } from "../command.ts";
import type { Context } from "../context.ts";
import { prepareOutDir } from "../submit/copy-artifacts.ts";
import { gatherParams } from "../submit/gather-params.ts";
import {
  arrayOf,
  describeJobOptions,
  keyOf,
  placedJobOptionsOf,
  refuseDryArray,
} from "../submit/job-options.ts";
import { describeParams } from "../submit/param-flags.ts";
import type { SubmitFlags } from "../submit/submit-flags.ts";
import { webhookOf } from "../submit/webhook-flags.ts";
import { noteRepeat } from "../text/array-text.ts";
import { jobSentence } from "../text/job-text.ts";

const spec = {
  name: "submit",
  summary: "Queue a job of a runtime and return; --wait follows it to its result",
  examples: [
    "orch submit sdxl --prompt 'a fox in the snow' --width 768",
    "orch submit sdxl --help                     the runtime's parameters",
    "orch submit sdxl --prompt 'a fox' --wait --out pictures",
    "orch submit sdxl --params fox.yaml --image https://example.org/fox.png",
    "orch submit sdxl --prompt 'a fox' --sweep steps=20,30 --sweep seed=1..5",
    "orch submit --batch jobs.jsonl              one {runtime, params, options} a line",
  ],
  describe: (parser: Parser): void => describeOwn(parser),
};

export const submit: Command = {
  name: spec.name,
  summary: spec.summary,
  examples: spec.examples,
  declare: (context) => createParser(spec, context).argument("[runtime]", "name of the runtime"),
  async execute(context, argv) {
    const { operands, unknown } = parseOperands(createParser(spec, context), argv);
    const [name] = operands;
    // The first flag that is not ours belongs to the runtime, which therefore has to be named before it.
    if (name !== undefined) return submitOne(context, argv, name);
    const parser = createParser(spec, context);
    const stranger = unknown.find((word) => !["-h", "--help"].includes(word));
    if (stranger !== undefined) {
      throw new Failure("usage/invalid", `the runtime has to come before ${stranger}`, {
        hint: `orch submit RUNTIME ${stranger} …  (orch runtimes lists them)`,
      });
    }
    if (!parse(parser, argv)) return 0;
    const flags = readFlags(context, parser);
    if (flags.batch === undefined) {
      throw new Failure("usage/invalid", "no runtime named", {
        hint: "orch submit RUNTIME --help; orch runtimes",
      });
    }
    return batch(context, await context.connect(), flags, undefined);
  },
};

async function submitOne(context: Context, argv: readonly string[], name: string): Promise<number> {
  const client = await context.connect();
  const read = await readSubmission(context, client, argv, name);
  if (read === null) return 0;
  const { runtime, flags, submission } = read;
  if (flags.batch !== undefined) return batch(context, client, flags, runtime);
  if (flags.out !== undefined) prepareOutDir(context.io.cwd, flags.out);
  if (flags.dryRun === true) return dryRun(context, client, submission);
  if (flags.cron !== undefined) {
    const { scheduleBy } = await import("../submit/schedule-by.ts");
    return scheduleBy(context, client, flags, { verb: "submit", submission });
  }
  const array = arrayOf(flags);
  if (array === null) return queue(context, client, submission, flags);
  const { submitArray } = await import("../submit/submit-array.ts");
  return submitArray(context, client, { runtime, flags, submission: { ...submission, ...array } });
}

/**
 * Reads the words behind `orch submit`, of which `name` is the runtime. Null when they asked for help, which is printed
 * then. With --batch the submission has no params: they are in the file. `isScheduled`: the job is to run later, again
 * and again, so files on the web are not fetched now.
 */
export async function readSubmission(
  context: Context,
  client: Client,
  argv: readonly string[],
  name: string,
  isScheduled = false,
): Promise<{ runtime: RuntimeView; flags: SubmitFlags; submission: Submission } | null> {
  const runtime = await client.call("GET /runtimes/:runtime", { runtime: name });
  const { options: own } = createParser(spec, context);
  let readParams = (): Record<string, Json> => ({});
  const describe = (parser: Parser): void => {
    // The parameters are declared first, as the help shows them in this order.
    readParams = describeParams(parser, runtime, own);
    describeOwn(parser);
    parser.usage(`${name} [flags]`).argument("<runtime>", "name of the runtime");
  };
  const summary = runtime.summary || spec.summary;
  const parser = createParser({ name: spec.name, summary, examples: [], describe }, context);
  if (!parse(parser, argv)) return null;
  const flags = readFlags(context, parser);
  const isBatch = flags.batch !== undefined;
  const given = {
    ...flags,
    keepsAddresses: isScheduled || flags.cron !== undefined || flags.dryRun === true,
  };
  const params = isBatch ? {} : await gatherParams(context, runtime, given, readParams());
  const options = placedJobOptionsOf(flags, context.io);
  return { runtime, flags, submission: { runtime: name, params, options } };
}

async function dryRun({ io, out }: Context, client: Client, submission: Submission): Promise<number> {
  const view = await client.call("POST /jobs/dry-run", submission);
  const { printDryRun } = await import("../submit/print-dry-run.ts");
  out.result(view, { text: () => printDryRun(out, view, io.clock.nowMs()) });
  return 0;
}

async function queue(
  context: Context,
  client: Client,
  submission: Submission,
  flags: SubmitFlags,
): Promise<number> {
  const { out } = context;
  const job = await client.call("POST /jobs", { ...submission, ...keyOf(flags), ...webhookOf(flags) });
  noteRepeat(out, job);
  if (flags.wait === true) {
    const { resultOptionsOf, waitForResult } = await import("../submit/wait-for-result.ts");
    return waitForResult(context, client, { jobs: [job.id], many: false, ...resultOptionsOf(flags) });
  }
  out.result(job, { ids: [job.id], text: () => out.print(jobSentence(job)) });
  out.hint(`follow: orch logs -f ${job.id}    wait: orch wait ${job.id}`);
  return 0;
}

/** Loaded on demand, as what follows a job is: a plain submit has to be quick. */
async function batch(
  context: Context,
  client: Client,
  flags: SubmitFlags,
  runtime: RuntimeView | undefined,
): Promise<number> {
  if (flags.out !== undefined) prepareOutDir(context.io.cwd, flags.out);
  const { submitBatch } = await import("../submit/submit-batch.ts");
  return submitBatch(context, client, flags, runtime);
}

function describeOwn(parser: Parser): void {
  parser.usage("[runtime] [flags]").optionsGroup("Options:");
  parser
    .option("--wait", "wait for the result, print it, and exit as the job does")
    .option("--out <folder>", "with --wait: copy the job's files there")
    .option("--force", "with --out: replace files that are there")
    .option("--no-images", "with --wait: do not show pictures in the terminal")
    .option("--cron <line>", 'submit it again and again, e.g. "0 3 * * *"; as orch schedule add does')
    .option("--dry-run", "check it and say where it would run, but queue nothing")
    .option("--batch <file>", "queue many: JSON lines of {runtime, params, options}; - reads stdin")
    .option(
      "--param <name=value>",
      "a parameter, by its exact name",
      (pair: string, before: string[] = []) => [...before, pair],
    )
    .option("--params <file>", "parameters as JSON or YAML; - reads stdin");
  describeJobOptions(parser, "GPUs it needs (default: as the runtime says)");
}

function readFlags(context: Context, parser: Parser): SubmitFlags {
  const flags = parser.opts<SubmitFlags & { json?: boolean; quiet?: boolean }>();
  context.out.format.json = flags.json === true;
  context.out.format.quiet = flags.quiet === true;
  if (flags.out !== undefined && flags.wait !== true) {
    throw new Failure("usage/invalid", "--out needs --wait", { hint: "add --wait" });
  }
  if (flags.force === true && flags.out === undefined) {
    throw new Failure("usage/invalid", "--force needs --out", { hint: "add --out FOLDER" });
  }
  if (flags.batch !== undefined && (flags.array !== undefined || flags.sweep !== undefined)) {
    throw new Failure("usage/invalid", "--batch goes with neither --array nor --sweep", {
      hint: "write a line for each job into the file",
    });
  }
  if (flags.dryRun === true && (flags.wait === true || flags.batch !== undefined)) {
    throw new Failure("usage/invalid", "--dry-run goes with neither --wait nor --batch");
  }
  webhookOf(flags);
  if (flags.dryRun === true) refuseDryArray(flags.array !== undefined || flags.sweep !== undefined);
  return flags;
}
