import { choosePlace, wakeableOf } from "./choose-place.ts";
import type { Claims } from "./claims.ts";
import { coldSwitchMs, switchCostMs } from "./estimate.ts";
import { lookAgainBy } from "./job-transitions.ts";
import { isServing } from "./lane-workers.ts";
import type { MayEvict } from "./lanes.ts";
import { makeRoom } from "./make-room.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";
import { isHinted } from "./preload.ts";
import { isPrepared, prepare } from "./preparation.ts";
import { isReservedNow } from "./reserved.ts";
import { wake } from "./sleep-transitions.ts";
import { isOnTrial } from "./start-failures.ts";
import type { Transition } from "./transition.ts";
import { addWorker } from "./worker-transitions.ts";

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
    prepare(tx, lane);
    if (!isPrepared(lane)) continue;
    const missingMost = isOnTrial(lane) ? Math.min(1, wanted) : wanted;
    for (let missing = missingMost - liveWorkers(lane); missing > 0; missing--)
      if (!takeHost(lane) || !placeOne(tx, lane)) break;
  }
}

/** Whether the worker is one of those that are kept: it does not stop for being idle. */
export function isHome(worker: Worker): boolean {
  const { minReplicas } = worker.lane.spec;
  return minReplicas > 0 && liveWorkers(worker.lane) <= minReplicas;
}

/** Jobs that a quota holds back may wait for days, and those whose image is pulled for hours: they take no GPU now. */
function waitsForGpu(state: State): boolean {
  for (const lane of state.waiting)
    if (lane.spec.gpuCount > 0 && !isHeldBack(lane) && liveWorkers(lane) === 0) return true;
  return false;
}

function isHeldBack({ verdict }: Lane): boolean {
  return verdict.code === "quota" || verdict.code === "preparing";
}

function liveWorkers(lane: Lane): number {
  let count = 0;
  for (const worker of lane.workers) if (isServing(worker)) count += 1;
  return count;
}

function placeOne(tx: Transition, lane: Lane): boolean {
  const { state, nowMs } = tx;
  if (lane.spec.gpuCount === 0) {
    addWorker(tx, lane, []);
    return true;
  }
  const wish = {
    state,
    lane,
    nowMs,
    mayEvict: mayReplace(tx),
    mayUse: (gpu: Gpu) => !isReservedNow(state, gpu, nowMs),
  };
  // For one that sleeps only its cores were set aside.
  const sleepers = wakeableOf(lane);
  const { offers: chosen, waking } = choosePlace(wish, sleepers, sleepers.length === 0);
  if (chosen.length < lane.spec.gpuCount) return false;
  if (chosen.every((offer) => offer.rank === "free")) {
    if (waking === null)
      addWorker(
        tx,
        lane,
        chosen.map((offer) => offer.gpu),
      );
    else wake(tx, waking);
    return true;
  }
  if (chosen.every((offer) => offer.rank !== "busy")) makeRoom(tx, chosen);
  return false;
}

/** Workers that have been idle for longer than they cost to bring back; others are looked at again when they have. */
function mayReplace(tx: Transition): MayEvict {
  return (worker) => {
    const { phase, lane } = worker;
    if (worker.pinned || isHome(worker) || (phase.state !== "ready" && phase.state !== "asleep")) return null;
    if (worker.jobs.size > 0 || lane.queue.size > 0 || lane.spec.residency === "one-shot") return null;
    const overMs = phase.idleSinceMs + (phase.state === "asleep" ? coldSwitchMs(lane) : switchCostMs(lane));
    if (overMs <= tx.nowMs) return "drain";
    lookAgainBy(tx.state, overMs);
    return null;
  };
}
