import type { JobView } from "../protocol/views.ts";
import { Failure, toFailure } from "../std/failure.ts";
import { flagReader, parseJobId } from "./arguments.ts";
import { type Command, command } from "./command.ts";
import type { Context } from "./context.ts";
import { jobSentence } from "./text/job-text.ts";

interface Change {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly route:
    | "POST /jobs/:job/cancel"
    | "POST /jobs/:job/retry"
    | "POST /jobs/:job/hold"
    | "POST /jobs/:job/release";
  /** How it is done to all jobs of an array, if that makes sense. */
  readonly arrayRoute?:
    | "POST /arrays/:array/cancel"
    | "POST /arrays/:array/hold"
    | "POST /arrays/:array/release";
}

interface Options {
  readonly array?: number;
}

/**
 * A command that does the same to each of several jobs. One that is refused does not stop the others; the exit
 * code is that of the first refusal.
 */
export function changeJobs(change: Change): Command {
  return command<Options>({
    name: change.name,
    summary: change.summary,
    examples: change.examples,
    describe(parser) {
      parser.argument(change.arrayRoute === undefined ? "<jobs...>" : "[jobs...]", "job ids");
      if (change.arrayRoute !== undefined)
        parser.option(
          "--array <id>",
          "all jobs of this array that are left",
          flagReader("--array", parseJobId),
        );
    },
    async run(context, args, { array }) {
      if (array === undefined) return changeEach(context, change, args);
      if (args.length > 0 || change.arrayRoute === undefined) {
        throw new Failure("usage/invalid", "--array goes with no job ids", {
          hint: `orch ${change.name} --array ${array}`,
        });
      }
      const client = await context.connect();
      const done = await client.call(change.arrayRoute, { array });
      const skipped = done.skipped === 0 ? "" : `, ${done.skipped} left as they are`;
      context.out.result(done, {
        ids: [array],
        text: () => context.out.print(`array ${array}: ${change.name} of ${done.changed} jobs${skipped}`),
      });
      return 0;
    },
  });
}

/** Does it to each of the jobs that are named, going on after a refusal; gives the exit code. */
export async function changeEach(
  { out, connect }: Context,
  change: Pick<Change, "name" | "route">,
  args: readonly string[],
): Promise<number> {
  if (args.length === 0) {
    throw new Failure("usage/invalid", "no jobs named", { hint: `orch ${change.name} 42; orch ls` });
  }
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
}
