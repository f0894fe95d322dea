import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import { toFailure } from "../../std/failure.ts";
import type { Context } from "../context.ts";
import { jobSentence } from "../text/job-text.ts";

/** Within this time a second Ctrl-C cancels. */
const SECOND_INTERRUPT_MS = 2000;

/**
 * While jobs are waited for, a first Ctrl-C leaves them to run and soon aborts `stop`; a second one before that cancels
 * them. Returns how to undo it.
 */
export function leaveOnInterrupt(
  context: Context,
  client: Client,
  jobs: readonly number[],
  stop: AbortController,
): () => void {
  const { io, out } = context;
  let times = 0;
  return io.onSignal("SIGINT", () => {
    times += 1;
    if (times === 1) {
      const [first] = jobs;
      out.note(jobs.length === 1 ? `job ${first} goes on` : `${jobs.length} jobs go on`);
      out.note(`  follow: orch logs -f ${first}    cancel: orch cancel ${first}, or Ctrl-C once more now`);
      void delay(SECOND_INTERRUPT_MS, undefined, { signal: stop.signal }).then(
        () => {
          if (times === 1) stop.abort();
        },
        () => undefined,
      );
    } else if (times === 2) void cancelAll(context, client, jobs).finally(() => stop.abort());
    else stop.abort();
  });
}

/** Cancels jobs and says so; what cannot be cancelled is told and left. */
async function cancelAll({ out }: Context, client: Client, jobs: readonly number[]): Promise<void> {
  for (const job of jobs) {
    try {
      out.note(jobSentence(await client.call("POST /jobs/:job/cancel", { job })));
    } catch (error) {
      out.fail(toFailure(error));
    }
  }
}
