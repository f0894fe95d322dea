import type { JobView } from "../protocol/views.ts";
import { type Failure, toFailure } from "../std/failure.ts";
import { parseJobId } from "./arguments.ts";
import { type Command, command } from "./command.ts";
import { jobSentence } from "./job-text.ts";

interface Change {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly route:
    | "POST /jobs/:job/cancel"
    | "POST /jobs/:job/retry"
    | "POST /jobs/:job/hold"
    | "POST /jobs/:job/release";
}

/**
 * A command that does the same to each of several jobs. One that is refused does not stop the others; the exit
 * code is that of the first refusal.
 */
export function changeJobs(change: Change): Command {
  return command({
    name: change.name,
    summary: change.summary,
    examples: change.examples,
    describe: (parser) => parser.argument("<jobs...>", "job ids"),
    async run({ out, connect }, args) {
      const ids = args.map(parseJobId);
      const client = await connect();
      const jobs: JobView[] = [];
      let refused: Failure | undefined;
      for (const id of ids) {
        try {
          jobs.push(await client.call(change.route, { job: id }));
        } catch (error) {
          const failure = toFailure(error);
          // A single refusal is left to the caller, who prints it as every failure.
          if (ids.length === 1) throw failure;
          out.fail(failure);
          refused ??= failure;
        }
      }
      out.result(
        { jobs },
        {
          ids: jobs.map((job) => job.id),
          text() {
            for (const job of jobs) out.print(jobSentence(job));
          },
        },
      );
      return refused?.exitCode ?? 0;
    },
  });
}
