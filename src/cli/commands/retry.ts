import { Failure } from "../../std/failure.ts";
import { flagReader } from "../arguments.ts";
import { changeEach } from "../change-jobs.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { readPastTime } from "../submit/past-time.ts";

interface Options {
  readonly failed?: boolean;
  readonly since?: string;
  readonly runtime?: string;
}

const change = { name: "retry", route: "POST /jobs/:job/retry" } as const;

export const retry = command<Options>({
  name: change.name,
  summary: "Queue finished jobs once more, as new ones",
  examples: [
    "orch retry 42",
    "orch retry --failed --since 2h            # yours that were not retried yet",
    "orch retry --failed --runtime sdxl",
  ],
  describe: (parser) =>
    parser
      .argument("[jobs...]", "job ids")
      .option("--failed", "all of your failed jobs, but those that were retried already")
      .option("--since <time>", "with --failed: that ended since then, e.g. 2h, 14:30")
      .option("--runtime <name>", "with --failed: of this runtime"),
  async run(context, args, options) {
    if (options.failed === true && args.length === 0) return retryFailed(context, options);
    const stray =
      options.failed === true ? "--failed" : Object.keys(options).find((name) => name in ONLY_FAILED);
    if (stray === undefined) return changeEach(context, change, args);
    throw new Failure(
      "usage/invalid",
      options.failed === true ? "--failed goes with no job ids" : `--${stray} needs --failed`,
      { hint: "orch retry --failed --since 2h" },
    );
  },
});

const ONLY_FAILED = { since: true, runtime: true };

async function retryFailed({ io, out, connect, signal }: Context, options: Options): Promise<number> {
  const nowMs = io.clock.nowMs();
  const { since, runtime } = options;
  const asked = {
    before: nowMs,
    ...(since === undefined
      ? {}
      : { since: flagReader("--since", (text) => readPastTime(text, nowMs))(since) }),
    ...(runtime === undefined ? {} : { runtime }),
  };
  const client = await connect();
  const retried: { readonly job: number; readonly as: number }[] = [];
  for (;;) {
    const part = await client.call("POST /jobs/retry-failed", asked, { signal });
    retried.push(...part.retried);
    if (!part.more) break;
    out.progress(`${retried.length} jobs queued`);
  }
  out.result(
    { retried },
    {
      ids: retried.map((each) => each.as),
      text() {
        if (retried.length === 0) out.print("no failed jobs that were not retried");
        for (const { job, as } of retried) out.print(`job ${as} queued, as job ${job} was`);
      },
    },
  );
  return 0;
}
