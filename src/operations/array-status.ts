import { z } from "zod";
import { ArrayStatus } from "../protocol/array-status.ts";
import { JobId } from "../protocol/inputs.ts";
import { Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import type { Context } from "./context.ts";
import { findJob, toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { operation } from "./operation.ts";

export const arrayStatus = operation({
  route: "GET /arrays/:array",
  summary: "How far an array or a sweep is as a whole",
  who: "all",
  input: z.strictObject({ array: JobId }),
  output: ArrayStatus,
  run: (ctx, { array }) => viewArray(ctx, array),
});

/** Jobs that are counted without giving way: 2 ms. */
const RANGE = 2_000;

/** An array as callers see it, counted anew. @throws Failure array/unknown */
export async function viewArray(ctx: Context, array: number): Promise<ArrayStatus> {
  const last = ctx.queries.lastOfArray(array);
  if (last === undefined) throw unknownArray(array);
  const jobs: ArrayStatus["jobs"] = {};
  let [firstId, liveId, startedAtMs, finishedAtMs] = [last, 0, Number.POSITIVE_INFINITY, 0];
  for (let from = array; from <= last; from += RANGE) {
    for (const part of ctx.queries.statesOfArray(array, { from, before: from + RANGE })) {
      jobs[part.state] = (jobs[part.state] ?? 0) + part.jobs;
      firstId = Math.min(firstId, part.firstId);
      if (part.finishedAtMs === null) liveId = part.firstId;
      startedAtMs = Math.min(startedAtMs, part.startedAtMs ?? Number.POSITIVE_INFINITY);
      finishedAtMs = Math.max(finishedAtMs, part.finishedAtMs ?? 0);
    }
    await giveWay();
  }
  const { runtime, summary, label, user, priority, submittedAtMs } = findJob(ctx, firstId);
  return {
    ...{ array, runtime, summary, label, user, priority, jobs },
    total: Object.values(jobs).reduce((sum, count) => sum + count, 0),
    atOnce: ctx.state().jobs.get(liveId)?.extras?.array?.maxActive ?? null,
    submittedAt: toTimestamp(submittedAtMs),
    startedAt: toTimestampOrNull(Number.isFinite(startedAtMs) ? startedAtMs : null),
    finishedAt: toTimestampOrNull(liveId === 0 ? finishedAtMs : null),
  };
}

/** There is none of this id. */
export function unknownArray(array: number): Failure {
  return new Failure("array/unknown", `there is no array ${array}`, {
    why: "the id of an array is that of its first job",
    hint: "orch ls --all",
  });
}
