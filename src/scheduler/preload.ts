import type { Reply, Request } from "./events.ts";
import { isServing } from "./lane-workers.ts";
import type { Lane } from "./model.ts";
import { prepare } from "./preparation.ts";
import { refuse, tooLarge } from "./refusals.ts";
import { laneFor } from "./state.ts";
import { log, type Transition } from "./transition.ts";

/** A hint that came to nothing for so long is not worth a load any more. */
export const HINT_LIFE_MS = 600_000;

/**
 * Notes that a worker of the lane will probably be wanted soon. It is started like a worker of the home state: once
 * nobody waits for a GPU. The hint is used up by the next worker of the lane, and else forgotten after ten minutes.
 * @returns the worker that runs already, if there is one
 */
export function preload(tx: Transition, request: Extract<Request, { type: "preload" }>): Reply {
  const { state } = tx;
  if (state.stopping)
    return refuse("daemon/stopping", "the daemon is stopping and starts no workers", "orch up");
  if (request.lane.residency === "one-shot")
    return refuse("worker/state", `${request.lane.title} starts with its jobs, not before`, "orch submit");
  const refusal = tooLarge(state, request.lane);
  if (refusal) return refusal;
  const { lane, isNew } = laneFor(state, request.lane);
  if (isNew) tx.changes.lanes.add(lane);
  for (const worker of lane.workers) if (isServing(worker)) return { ok: true, ids: [worker.id] };
  lane.hintUntilMs = tx.nowMs + HINT_LIFE_MS;
  prepare(tx, lane);
  tx.needsPlan = true;
  log(tx, "worker-hinted", `a worker for ${lane.spec.title} is loaded when nobody waits for a GPU`);
  return { ok: true, ids: [] };
}

/** Whether somebody said that the lane will be wanted soon. */
export function isHinted(lane: Lane, nowMs: number): boolean {
  return lane.hintUntilMs > nowMs;
}
