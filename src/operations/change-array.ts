import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { Failure } from "../std/failure.ts";
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
  input,
  output,
  run: (ctx, { array }, caller) => changeAll(ctx, array, caller, "cancel"),
});

export const holdArray = operation({
  route: "POST /arrays/:array/hold",
  summary: "Keep the waiting jobs of an array from being started",
  input,
  output,
  run: (ctx, { array }, caller) => changeAll(ctx, array, caller, "hold"),
});

export const releaseArray = operation({
  route: "POST /arrays/:array/release",
  summary: "Let the held jobs of an array go",
  input,
  output,
  run: (ctx, { array }, caller) => changeAll(ctx, array, caller, "release"),
});

/** One step and one transaction, however many jobs. The last job goes first: none takes the place of one that went. */
async function changeAll(
  ctx: Context,
  array: number,
  caller: Caller,
  type: "cancel" | "hold" | "release",
): Promise<z.input<typeof output>> {
  if (ctx.queries.sizeOfArray(array) === 0) {
    throw new Failure("array/unknown", `there is no array ${array}`, {
      why: "the id of an array is that of its first job",
      hint: "orch ls --all",
    });
  }
  refuseStranger(ctx.host.uid, findJob(ctx, array), caller);
  const answers = await Promise.allSettled(
    ctx.queries.liveOfArray(array).map((jobId) => ctx.ask({ type, jobId })),
  );
  let changed = 0;
  for (const answer of answers) {
    if (answer.status === "fulfilled") changed += 1;
    else if (!isStateOfJob(answer.reason)) throw answer.reason;
  }
  return { array, changed, skipped: answers.length - changed };
}

function isStateOfJob(error: unknown): boolean {
  return error instanceof Failure && (error.code === "job/state" || error.code === "job/unknown");
}
