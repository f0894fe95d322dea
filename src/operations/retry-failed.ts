import { z } from "zod";
import { Moment } from "../protocol/inputs.ts";
import { findJob } from "./job-view.ts";
import { refuseOtherWork } from "./key-limits.ts";
import { operation } from "./operation.ts";
import { again } from "./retry.ts";
import { submitSlices } from "./submit-slices.ts";

/** More are retried by asking again: those that were are left out then. */
const AT_ONCE = 1000;

export const retryFailed = operation({
  route: "POST /jobs/retry-failed",
  summary: "Queue the caller's failed jobs again, as new jobs, but those that were retried already",
  who: "all",
  input: z.strictObject({
    since: Moment.optional().describe("only those that ended since then"),
    before: Moment.optional().describe("only those that ended before then: not those that this has retried"),
    runtime: z.string().optional(),
  }),
  output: z.object({
    retried: z.array(z.object({ job: z.number().int(), as: z.number().int() })),
    more: z.boolean().describe("whether there are more: the same request goes on with them"),
  }),
  async run(ctx, { since, before, runtime }, caller) {
    const found = ctx.queries.failedJobs({
      uid: caller.uid,
      sinceMs: since ?? 0,
      beforeMs: before ?? Number.MAX_SAFE_INTEGER,
      runtime: runtime ?? null,
      limit: AT_ONCE + 1,
    });
    const jobs = found.slice(0, AT_ONCE);
    if (jobs.length === 0) return { retried: [], more: false };
    for (const id of jobs) refuseOtherWork(caller, findJob(ctx, id));
    caller.key?.charge(jobs.length);
    const ids = await submitSlices(ctx, {
      count: jobs.length,
      make: (from, to) => jobs.slice(from, to).map((id) => again(ctx, findJob(ctx, id))),
      mayDiffer: false,
      array: undefined,
    });
    return {
      retried: jobs.map((job, index) => ({ job, as: ids[index] ?? 0 })),
      more: found.length > jobs.length,
    };
  },
});
