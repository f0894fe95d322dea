import { flagReader, integerFlag, parseJobId, wordsFlag } from "../arguments.ts";
import { command } from "../command.ts";
import { type JobState, jobColumns, jobStates, unfinishedStates } from "../text/job-text.ts";

interface Options {
  readonly all?: boolean;
  readonly state?: JobState[];
  readonly runtime?: string;
  readonly array?: number;
  readonly limit?: number;
}

export const ls = command<Options>({
  name: "ls",
  summary: "List jobs: the unfinished ones, newest first; -a lists the finished ones, too",
  examples: [
    "orch ls",
    "orch ls -a -n 20",
    "orch ls --state failed --runtime sdxl",
    "orch cancel $(orch ls -q)",
  ],
  describe: (parser) =>
    parser
      .option("-a, --all", "finished jobs, too")
      .option(
        "--state <states>",
        `only these, e.g. queued,running (${jobStates.join(", ")})`,
        wordsFlag("--state", jobStates),
      )
      .option("--runtime <name>", "only jobs of this runtime")
      .option("--array <id>", "only jobs of this array", flagReader("--array", parseJobId))
      .option("-n, --limit <count>", "at most this many (default: 50)", integerFlag("--limit", 1, 10_000)),
  async run({ io, out, connect }, _args, options) {
    const client = await connect();
    const states = options.state ?? (options.all === true ? undefined : unfinishedStates);
    const { jobs, total } = await client.call("GET /jobs", {
      ...(states === undefined ? {} : { states }),
      ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
      ...(options.array === undefined ? {} : { array: options.array }),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    });
    out.result(
      { jobs, total },
      {
        ids: jobs.map((job) => job.id),
        text() {
          if (jobs.length > 0) out.table(jobs, jobColumns(io.clock.nowMs(), jobs));
          else
            out.note(
              states === undefined ? "no jobs" : "no such jobs; orch ls -a lists the finished ones, too",
            );
          if (total > jobs.length)
            out.note(`${jobs.length} of ${total} jobs; -n ${Math.min(total, 10_000)} lists more`);
        },
      },
    );
    return 0;
  },
});
