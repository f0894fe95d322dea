import type { Claims } from "./claims.ts";
import { switchCostMs } from "./estimate.ts";
import { lookAgainBy } from "./job-transitions.ts";
import type { MayEvict } from "./lanes.ts";
import type { Lane, State, Worker } from "./model.ts";
import { chooseTogether, offersFor } from "./placement.ts";
import { isHinted } from "./preload.ts";
import { isReservedNow } from "./reserved.ts";
import type { Transition } from "./transition.ts";
import { addWorker, drain } from "./worker-transitions.ts";

/**
 * Brings workers back that belong to the host's home state (`replicas.min`), and loads those that somebody hinted at,
 * once nobody waits for a GPU. They take free GPUs, and those of workers that have been idle for as long as bringing
 * them back would cost: keeping an idle worker longer than that can at most double the cost of guessing wrong (the
 * ski-rental argument).
 * @param takeHost sets the lane's cores and host memory aside; false = there are too few
 */
export function placeHome(tx: Transition, claims: Claims, takeHost: (lane: Lane) => boolean): void {
  const { state } = tx;
  if (claims.size > 0 || waitsForGpu(state)) return;
  for (const lane of state.lanes.values()) {
    const wanted = Math.max(lane.spec.minReplicas, isHinted(lane, tx.nowMs) ? 1 : 0);
    if (wanted === 0 || lane.retryAtMs > tx.nowMs) continue;
    for (let missing = wanted - liveWorkers(lane); missing > 0; missing--)
      if (!takeHost(lane) || !placeOne(tx, lane)) break;
  }
}

/** Whether the worker is one of those that are kept: it does not stop for being idle. */
export function isHome(worker: Worker): boolean {
  const { minReplicas } = worker.lane.spec;
  return minReplicas > 0 && liveWorkers(worker.lane) <= minReplicas;
}

/** Jobs that a quota holds back may wait for days, and would not take a GPU now. */
function waitsForGpu(state: State): boolean {
  for (const lane of state.waiting)
    if (lane.spec.gpuCount > 0 && lane.verdict.code !== "quota" && liveWorkers(lane) === 0) return true;
  return false;
}

function liveWorkers(lane: Lane): number {
  let count = 0;
  for (const { phase } of lane.workers) if (phase.state === "ready" || phase.state === "starting") count += 1;
  return count;
}

function placeOne(tx: Transition, lane: Lane): boolean {
  const { state, nowMs } = tx;
  if (lane.spec.gpuCount === 0) {
    addWorker(tx, lane, []);
    return true;
  }
  const offers = offersFor({
    state,
    lane,
    nowMs,
    mayEvict: mayReplace(tx),
    mayUse: (gpu) => !isReservedNow(state, gpu, nowMs),
  });
  const chosen = chooseTogether(offers, lane.spec.gpuCount);
  if (chosen.length < lane.spec.gpuCount) return false;
  if (chosen.every((offer) => offer.rank === "free")) {
    addWorker(
      tx,
      lane,
      chosen.map((offer) => offer.gpu),
    );
    return true;
  }
  if (chosen.every((offer) => offer.rank !== "busy"))
    for (const { victims } of chosen) for (const { worker } of victims) drain(tx, worker, "evicted");
  return false;
}

/** Workers that have been idle for longer than they cost to bring back; others are looked at again when they have. */
function mayReplace(tx: Transition): MayEvict {
  return (worker) => {
    const { phase, lane } = worker;
    if (worker.pinned || isHome(worker) || phase.state !== "ready") return null;
    if (worker.jobs.size > 0 || lane.queue.size > 0 || lane.spec.residency === "one-shot") return null;
    const overMs = phase.idleSinceMs + switchCostMs(lane);
    if (overMs <= tx.nowMs) return "drain";
    lookAgainBy(tx.state, overMs);
    return null;
  };
}
