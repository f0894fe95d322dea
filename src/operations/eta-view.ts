import type { DecisionView, EtaView } from "../protocol/views.ts";
import type { Decision } from "../scheduler/decisions.ts";
import { etaErrorOf } from "../scheduler/eta.ts";
import type { StartForecast } from "../scheduler/forecast.ts";
import type { Lane } from "../scheduler/model.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import { toTimestamp } from "./job-view.ts";

/** When a job is expected to start, as callers see it. `lane` is undefined of one that is new. */
export function viewEta(
  { start }: Pick<StartForecast, "start">,
  lane: Lane | undefined,
  nowMs: number,
): EtaView | null {
  if (start === null) return null;
  const inMs = Math.max(0, Math.round(start.atMs - nowMs));
  const error = lane === undefined ? null : etaErrorOf(lane);
  return { at: toTimestamp(nowMs + inMs), inMs, extrapolated: start.isExtrapolated, error };
}

/** A decision of the plan, as callers see it. */
export function viewDecision(decision: Decision, nowMs: number): DecisionView {
  const { atMs, kind, worker, jobId, lane, gpus, why } = decision;
  const inMs = Math.max(0, Math.round(atMs - nowMs));
  return {
    at: toTimestamp(nowMs + inMs),
    inMs,
    kind,
    worker,
    job: jobId === null || isRequestId(jobId) ? null : jobId,
    lane,
    gpus: [...gpus],
    why,
  };
}
