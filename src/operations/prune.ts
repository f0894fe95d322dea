import { z } from "zod";
import { Flag, Moment } from "../protocol/inputs.ts";
import { finishedStates } from "../protocol/list-fields.ts";
import type { Context } from "./context.ts";
import { operation } from "./operation.ts";

/** Removed by one request; another one goes on. */
const AT_ONCE = 2000;
/** Removed in one step of the scheduler: the event loop may stand still for 50 ms. */
const SLICE = 100;
/** More take longer to find and to measure than anybody waits. */
const LOOKED_AT_MOST = 20_000;

export const prune = operation({
  route: "POST /jobs/prune",
  summary: "Remove jobs that ended long ago, with their logs and files",
  who: "all",
  input: z.strictObject({
    before: Moment.describe("those that ended before then"),
    states: z
      .array(z.enum(finishedStates))
      .min(1)
      .default([...finishedStates]),
    runtime: z.string().optional(),
    dryRun: Flag.default(false).describe("say what would be removed"),
  }),
  output: z.object({
    jobs: z.number().int().describe("removed, or to be removed"),
    bytes: z.number().describe("that their files take on disk"),
    more: z.boolean().describe("whether there are more: the same request removes them, too"),
  }),
  async run(ctx, { before, states, runtime, dryRun }, caller) {
    const asked = {
      beforeMs: before,
      states,
      runtime: runtime ?? null,
      // What is of others is theirs to remove, or an admin's.
      uid: caller.isAdmin === true ? null : caller.uid,
    };
    if (dryRun) return lookAt(ctx, ctx.queries.endedBefore({ ...asked, limit: LOOKED_AT_MOST + 1 }));
    const found = ctx.queries.endedBefore({ ...asked, limit: AT_ONCE + 1 });
    const ids = found.slice(0, AT_ONCE);
    const bytes = await ctx.jobFiles.measure(ids);
    // Files first: if that is cut short, the record is there still, and the next request finds it.
    await ctx.jobFiles.remove(ids);
    let jobs = 0;
    for (let from = 0; from < ids.length; from += SLICE) {
      const gone = await ctx.ask({ type: "forget-jobs", jobIds: ids.slice(from, from + SLICE) });
      jobs += gone.length;
    }
    return { jobs, bytes, more: found.length > ids.length };
  },
});

async function lookAt(ctx: Context, found: readonly number[]) {
  const ids = found.slice(0, LOOKED_AT_MOST);
  let bytes = 0;
  for (let from = 0; from < ids.length; from += AT_ONCE)
    bytes += await ctx.jobFiles.measure(ids.slice(from, from + AT_ONCE));
  return { jobs: ids.length, bytes, more: found.length > ids.length };
}
