import type { Api } from "../../client/api.ts";
import type { Client } from "../../client/client.ts";
import { Failure } from "../../std/failure.ts";
import { createParser, parse } from "../command.ts";
import type { RunFlags } from "../commands/run.ts";
import type { Context } from "../context.ts";
import { arrayOf, type JobFlags } from "./job-options.ts";

/** What a schedule submits, as the API takes it. */
export type Scheduled = Api["POST /schedules"]["input"]["scheduled"];

/**
 * Reads the `run …` or `submit …` that a schedule is to submit, with the parsers of these commands.
 * @returns null when the words asked for help, which is printed then
 * @throws Failure usage/invalid and what these commands throw
 */
export async function readScheduled(
  context: Context,
  client: Client,
  words: readonly string[],
): Promise<Scheduled | null> {
  const [verb, ...argv] = words;
  if (verb === "run") return readRun(context, argv);
  if (verb === "submit") return readSubmit(context, client, argv);
  throw new Failure(
    "usage/invalid",
    verb === undefined ? "nothing to submit is named" : `"${verb}" cannot be scheduled`,
    {
      why: "a schedule submits what orch run or orch submit would",
      hint: 'orch schedule add "0 3 * * *" -- run --gpus 1 -- python train.py',
    },
  );
}

async function readRun(context: Context, argv: readonly string[]): Promise<Scheduled | null> {
  const { describeRun, run, submissionOf } = await import("../commands/run.ts");
  const { name, summary } = run;
  const parser = createParser({ name, summary, examples: [], describe: describeRun }, context);
  if (!parse(parser, argv)) return null;
  const flags = parser.opts<RunFlags>();
  refuseMany(flags);
  refuseUseless(flags, ["detach", "dryRun"]);
  return { verb: "run", submission: submissionOf(context, parser.args, flags) };
}

async function readSubmit(
  context: Context,
  client: Client,
  argv: readonly string[],
): Promise<Scheduled | null> {
  const [runtime] = argv;
  if (runtime === undefined || runtime.startsWith("-")) {
    throw new Failure("usage/invalid", "the runtime has to come first after submit", {
      hint: "orch runtimes",
    });
  }
  const { readSubmission } = await import("../commands/submit.ts");
  const format = { ...context.out.format };
  const read = await readSubmission(context, client, argv, runtime);
  Object.assign(context.out.format, format); // Its own flags do not say how this command prints.
  if (read === null) return null;
  const { flags, submission } = read;
  refuseMany(flags);
  refuseUseless(flags, ["batch", "wait", "out", "dryRun"]);
  return { verb: "submit", submission };
}

/** Nobody sits there when a schedule fires. */
function refuseUseless<Flag extends string>(
  flags: Readonly<Partial<Record<Flag, unknown>>>,
  names: readonly Flag[],
) {
  const useless = names.find((name) => flags[name] !== undefined);
  if (useless === undefined) return;
  const flag = `--${useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new Failure("usage/invalid", `what is scheduled cannot have ${flag}`, { hint: `leave ${flag} out` });
}

/** A fire is one job: an array of each fire would be more than somebody who looks away means to queue. */
function refuseMany(flags: JobFlags): void {
  if (arrayOf(flags) !== null) {
    throw new Failure("usage/invalid", "what is scheduled cannot be an array or a sweep", {
      hint: "schedule a script that submits it: orch schedule add LINE -- run -- sh -c 'orch run --array …'",
    });
  }
  if (flags.idempotencyKey !== undefined) {
    throw new Failure("usage/invalid", "what is submitted again and again cannot have an idempotency key", {
      hint: "leave --idempotency-key out",
    });
  }
}
