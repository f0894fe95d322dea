import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import type { LongWork } from "../scheduler/events.ts";
import { giveWay } from "../std/give-way.ts";
import { unknownArray } from "./array-status.ts";
import type { Context } from "./context.ts";
import { findJob } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

const input = z.strictObject({ array: JobId });
const output = z.object({
  array: z.number().int(),
  changed: z.number().int().describe("jobs that it was done to"),
  skipped: z.number().int().describe("unfinished jobs in a state in which it cannot be done"),
});

export const cancelArray = operation({
  route: "POST /arrays/:array/cancel",
  summary: "Cancel all jobs of an array that are left",
  who: "owner",
  input,
  output,
  run: (ctx, { array }, caller) => changeAll(ctx, array, caller, "cancel"),
});

export const holdArray = operation({
  route: "POST /arrays/:array/hold",
  summary: "Keep the waiting jobs of an array from being started",
  who: "owner",
  input,
  output,
  run: (ctx, { array }, caller) => changeAll(ctx, array, caller, "hold"),
});

export const releaseArray = operation({
  route: "POST /arrays/:array/release",
  summary: "Let the held jobs of an array go",
  who: "owner",
  input,
  output,
  run: (ctx, { array }, caller) => changeAll(ctx, array, caller, "release"),
});

/** Jobs in one step of the transaction: the event loop may stand still for 50 ms. */
const SLICE = 100;

/** One transaction, however many jobs. The last job goes first: none takes the place of one that went. */
async function changeAll(
  ctx: Context,
  array: number,
  caller: Caller,
  type: "cancel" | "hold" | "release",
): Promise<z.input<typeof output>> {
  const last = ctx.queries.lastOfArray(array);
  if (last === undefined) throw unknownArray(array);
  refuseStranger(ctx.host.uid, findJob(ctx, array), caller);
  const ids = await liveIds(ctx, array, last);
  if (type === "release") ids.reverse(); // In the order in which they are queued.
  const changed = await ctx.askLong(changeEach(ids, type));
  return { array, changed, skipped: ids.length - changed };
}

/** Ids that are read without giving way: a few milliseconds. */
const RANGE = 2_000;

/** The jobs of an array that are not over, the last one first. */
async function liveIds({ queries }: Context, array: number, last: number): Promise<number[]> {
  const ids: number[] = [];
  for (let before = last + 1; before > array; before -= RANGE) {
    const part = queries.liveOfArray(array, { from: Math.max(array, before - RANGE), before });
    for (const id of part) ids.push(id);
    await giveWay();
  }
  return ids;
}

/** Gives the number of those that it was done to; of the others the state has changed, or forbids it. */
function* changeEach(ids: readonly number[], type: "cancel" | "hold" | "release"): LongWork<number> {
  let changed = 0;
  for (let from = 0; from < ids.length; from += SLICE) {
    const replies = yield ids.slice(from, from + SLICE).map((jobId) => ({ type, jobId }));
    changed += replies.filter((reply) => reply?.ok).length;
  }
  return changed;
}
