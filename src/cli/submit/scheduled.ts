import type { Client } from "../../client/client.ts";
import { Failure } from "../../std/failure.ts";
import { createParser, parse } from "../command.ts";
import type { RunFlags } from "../commands/run.ts";
import type { Context } from "../context.ts";
import { refuseMany, refuseUseless, type Scheduled } from "./refuse-scheduled.ts";

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
  const { withScript } = await import("./script-directives/with-script.ts");
  const { words, flags } = withScript(
    context,
    { words: parser.args, flags: parser.opts<RunFlags>() },
    describeRun,
  );
  refuseMany(flags);
  refuseUseless(flags, ["detach", "dryRun", "cron"]);
  return { verb: "run", submission: submissionOf(context, words, flags) };
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
  const read = await readSubmission(context, client, argv, runtime, true);
  Object.assign(context.out.format, format); // Its own flags do not say how this command prints.
  if (read === null) return null;
  const { flags, submission } = read;
  refuseMany(flags);
  refuseUseless(flags, ["batch", "wait", "out", "force", "dryRun", "cron"]);
  return { verb: "submit", submission };
}
