import { z } from "zod";
import { Count, Flag, JobId } from "../protocol/inputs.ts";
import { findJob } from "./job-view.ts";
import { readLog } from "./log-reader.ts";
import { streamOperation } from "./operation.ts";
import { createWaker } from "./waker.ts";

/** A log file has no news of its own: it is looked at this often while somebody follows. */
export const LOG_POLL_MS = 100;

export const logs = streamOperation({
  route: "GET /jobs/:job/logs",
  summary: "What a job wrote, and what it writes",
  input: z
    .object({
      job: JobId,
      follow: Flag.default(false).describe("go on until the job is over"),
      tail: Count.optional().describe("only this many of the last lines at first"),
    })
    .strict(),
  output: z.object({ text: z.string() }),
  async *run(ctx, input, _caller, signal) {
    findJob(ctx, input.job);
    const waker = createWaker(
      ctx.feed,
      (notice) => notice.type === "jobs" && notice.ids.has(input.job),
      signal,
    );
    try {
      const log = readLog(() => ctx.places.jobLog(input.job), input.tail ?? null);
      for (;;) {
        const isOver = findJob(ctx, input.job).finishedAtMs !== null;
        for (let text = log.next(); text !== ""; text = log.next()) yield { text };
        if (isOver || !input.follow || signal.aborted) return;
        await waker.wait(LOG_POLL_MS);
      }
    } finally {
      waker.close();
    }
  },
});
