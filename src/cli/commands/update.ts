import type { Client } from "../../client/client.ts";
import type { Json } from "../../std/json.ts";
import { integerFlag, onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { gatherParams } from "../submit/gather-params.ts";
import { priorityFlag, readTime, timeLimitFlag } from "../submit/job-options.ts";
import { jobSentence } from "../text/job-text.ts";

interface Options {
  readonly priority?: number | string;
  readonly retries?: number;
  /** "none" is not made null here: the parser would read that as a flag without a value. */
  readonly time?: number | "none";
  readonly begin?: string;
  readonly deadline?: string;
  readonly param?: string[];
}

export const update = command<Options>({
  name: "update",
  summary: "Change the priority, limits, times or params of a waiting job",
  examples: [
    "orch update 42 --priority high",
    "orch update 42 --begin now",
    "orch update 42 --deadline none",
    "orch update 42 --param steps=50            # orch edit 42 changes all in an editor",
  ],
  describe: (parser) =>
    parser
      .argument("<job>", "job id")
      .option("--priority <priority>", "-1000 to 1000, or a name such as high", priorityFlag)
      .option("--retries <count>", "run again this often after a failure", integerFlag("--retries", 0, 100))
      .option("--time <duration>", "stop it after this long; none: no limit", (text: string) =>
        text === "none" ? text : timeLimitFlag(text),
      )
      .option("--begin <time>", "not before then; now: at once")
      .option("--deadline <time>", "must be done by then; none: no deadline")
      .option(
        "--param <name=value>",
        "give one of its params another value",
        (pair: string, before: string[] = []) => [...before, pair],
      ),
  async run(context, args, { priority, retries, time, begin, deadline, param }) {
    const { out, io } = context;
    const nowMs = io.clock.nowMs();
    const moment = (flag: string, text: string): number | null =>
      text === "none" ? null : readTime(flag, text, nowMs);
    const input = {
      job: onlyJobId(args),
      ...(priority === undefined ? {} : { priority }),
      ...(retries === undefined ? {} : { retries }),
      ...(time === undefined ? {} : { timeLimitMs: time === "none" ? null : time }),
      ...(begin === undefined ? {} : { begin: moment("--begin", begin) }),
      ...(deadline === undefined ? {} : { deadline: moment("--deadline", deadline) }),
    };
    const client = await context.connect();
    const params = param === undefined ? {} : { params: await paramsWith(context, client, input.job, param) };
    const job = await client.call("POST /jobs/:job/update", { ...input, ...params });
    out.result(job, { ids: [job.id], text: () => out.print(jobSentence(job)) });
    return 0;
  },
});

/** The job's params with some of them changed. */
async function paramsWith(
  context: Context,
  client: Client,
  job: number,
  param: readonly string[],
): Promise<Record<string, Json>> {
  const { params, runtime, command: words } = await client.call("GET /jobs/:job", { job });
  if (words !== null) return {}; // A command has none, which the daemon says.
  const view = await client.call("GET /runtimes/:runtime", { runtime });
  return { ...params, ...(await gatherParams(context, view, { param, keepsAddresses: false }, {})) };
}
