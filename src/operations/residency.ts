import { z } from "zod";
import { Count, Moment } from "../protocol/inputs.ts";
import { ResidencyView } from "../protocol/residency-view.ts";
import { Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import type { HolderRow } from "../store/gpu-history-queries.ts";
import type { Context } from "./context.ts";
import { gpuOf } from "./gpu-history.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { operation } from "./operation.ts";

const DEFAULT_SPAN_MS = 2 * 3_600_000;

export const residency = operation({
  route: "GET /residency",
  summary: "Which worker held which GPU, from when to when",
  who: "all",
  input: z.strictObject({
    since: Moment.optional().describe("default: two hours before the end"),
    until: Moment.optional().describe("default: now"),
    gpu: z.string().optional().describe("index or UUID; default: all"),
    limit: Count.min(1).max(2_000).default(500).describe("leases of each GPU"),
  }),
  output: z.object({ since: z.string(), until: z.string(), gpus: z.array(ResidencyView) }),
  async run(ctx, { gpu, limit, ...asked }) {
    const untilMs = asked.until ?? ctx.clock.nowMs();
    const sinceMs = asked.since ?? Math.max(0, untilMs - DEFAULT_SPAN_MS);
    if (sinceMs >= untilMs)
      throw new Failure("usage/invalid", "the time would end before it begins", {
        why: `since ${toTimestamp(sinceMs)}, until ${toTimestamp(untilMs)}`,
      });
    const only = gpu === undefined ? null : gpuOf(ctx, gpu);
    const names = new Map(ctx.latestSample().gpus.map(({ reading }) => [reading.uuid, reading.name]));
    const views: ResidencyView[] = [];
    for (const { uuid, index } of ctx.queries.knownGpus()) {
      if (only !== null && uuid !== only) continue;
      const rows = ctx.queries.holders({ gpu: uuid, fromMs: sinceMs, untilMs, limit });
      const name = names.get(uuid) ?? null;
      // One that was taken out of the host long ago has nothing to tell.
      if (rows.length > 0 || name !== null || only !== null)
        views.push({
          index,
          uuid,
          name,
          isComplete: rows.length < limit,
          leases: rows.map((row) => viewLease(ctx, row)),
        });
      await giveWay();
    }
    return { since: toTimestamp(sinceMs), until: toTimestamp(untilMs), gpus: views };
  },
});

function viewLease(ctx: Context, row: HolderRow): ResidencyView["leases"][number] {
  const { worker, runtime, lane, mode, vramBytes, grantedAtMs, releasedAtMs } = row;
  return {
    ...{ worker, runtime, mode, vramBytes },
    lane: ctx.state().lanes.get(lane)?.spec.title ?? lane,
    from: toTimestamp(grantedAtMs),
    to: toTimestampOrNull(releasedAtMs),
    phases: phasesOf(ctx, row),
  };
}

/** A worker that stays says when it is ready; a program that runs once is its job. */
function phasesOf(ctx: Context, row: HolderRow): ResidencyView["leases"][number]["phases"] {
  const { grantedAtMs, releasedAtMs, readyAtMs } = row;
  const to = toTimestampOrNull(releasedAtMs);
  const isOneShot = ctx.state().lanes.get(row.lane)?.spec.residency === "one-shot" || row.runtime === "run";
  if (isOneShot) return [{ phase: "run", from: toTimestamp(grantedAtMs), to }];
  if (readyAtMs === null) return [{ phase: "start", from: toTimestamp(grantedAtMs), to }];
  const ready = toTimestamp(Math.max(grantedAtMs, readyAtMs));
  return [
    { phase: "start", from: toTimestamp(grantedAtMs), to: ready },
    { phase: "ready", from: ready, to },
  ];
}
