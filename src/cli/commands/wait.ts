import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader, parseJobId } from "../arguments.ts";
import { command } from "../command.ts";
import { followJobs } from "../follow.ts";
import { isFinished, jobExitCode, jobSentence } from "../text/job-text.ts";

interface Options {
  readonly timeout?: number;
}

export const wait = command<Options>({
  name: "wait",
  summary: "Wait until jobs are finished; exits 0 when all succeeded, else as the first that did not",
  examples: ["orch wait 42", "orch wait 42 43 44 --timeout 10m", "orch wait $(orch ls -q)"],
  describe: (parser) =>
    parser
      .argument("<jobs...>", "job ids")
      .option(
        "--timeout <duration>",
        "give up after this long with exit code 124",
        flagReader("--timeout", parseDurationMs),
      ),
  async run(context, args, options) {
    const { out } = context;
    const ids = [...new Set(args.map(parseJobId))];
    const client = await context.connect();
    const timer = options.timeout === undefined ? [] : [AbortSignal.timeout(options.timeout)];
    const jobs = await followJobs(context, client, {
      jobs: ids,
      logs: false,
      signal: AbortSignal.any([context.signal, ...timer]),
      onJob(job, before) {
        const finished = isFinished(job) && (before === undefined || !isFinished(before));
        if (finished && !out.format.json && !out.format.quiet) out.print(jobSentence(job));
      },
    });
    const waiting = ids.filter((id) => !jobs.some((job) => job.id === id && isFinished(job)));
    if (waiting.length > 0) throw timedOut(waiting);
    out.result({ jobs }, { ids: jobs.map((job) => job.id), text: () => {} });
    return jobs.map(jobExitCode).find((code) => code !== 0) ?? 0;
  },
});

function timedOut(waiting: readonly number[]): Failure {
  const which = waiting.length === 1 ? `job ${waiting[0]} is` : `jobs ${waiting.join(", ")} are`;
  return new Failure("wait/timeout", `${which} not finished`, { hint: `orch why ${waiting[0]}` });
}
