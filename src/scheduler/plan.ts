import { mayEvictFor, waitingInOrder } from "./lanes.ts";
import type { Gpu, Lane, Verdict, VerdictCode, Worker } from "./model.ts";
import { type Offer, offersFor } from "./placement.ts";
import type { Transition } from "./transition.ts";
import { addWorker, dispatchNext, drain, startOneShot } from "./worker-transitions.ts";

/**
 * Decides what can be done now. Lanes are taken in order of rank; each is served by its ready workers, else placed on
 * GPUs, else promised the GPUs it will get next, which lanes after it may then not take. Costs O(lanes × GPUs),
 * however long the queues are.
 */
export function plan(tx: Transition): void {
  if (tx.state.stopping) {
    for (const lane of tx.state.waiting) lane.verdict = verdict("stopping");
    return;
  }
  if (tx.state.waiting.size === 0) return;
  const taken = new Set<Gpu>();
  for (const lane of waitingInOrder(tx.state)) {
    if (lane.spec.gpuCount === 0) placeWithoutGpu(tx, lane);
    else while (placeOne(tx, lane, taken));
  }
  for (const lane of [...tx.state.waiting]) serve(tx, lane);
}

/** Hands jobs to the lane's ready workers while they have free slots. */
function serve(tx: Transition, lane: Lane): void {
  if (lane.spec.residency === "one-shot") return;
  for (const worker of lane.workers) {
    while (worker.phase.state === "ready" && worker.jobs.size < lane.spec.slots && lane.queue.size > 0) {
      dispatchNext(tx, worker);
    }
  }
  if (lane.queue.size > 0 && hasReady(lane))
    lane.verdict = verdict("worker-busy", { workerId: firstWorker(lane) });
}

/** Whether the lane's present workers leave something to start: every one-shot job does, residents up to `replicas`. */
function wantsWorker(lane: Lane): boolean {
  if (lane.spec.residency === "one-shot") return lane.queue.size > 0;
  if (lane.summons !== null) return true;
  let freeSlots = 0;
  let active = 0;
  for (const worker of lane.workers) {
    if (worker.phase.state !== "ready" && worker.phase.state !== "starting") continue;
    active += 1;
    freeSlots += lane.spec.slots - worker.jobs.size;
  }
  return active < lane.spec.maxReplicas && lane.queue.size > freeSlots;
}

/** Tries to start one worker of the lane. @returns whether it did, so that there may be room for another. */
function placeOne(tx: Transition, lane: Lane, taken: Set<Gpu>): boolean {
  const starting = [...lane.workers].find((worker) => worker.phase.state === "starting");
  if (starting) lane.verdict = verdict("worker-starting", { workerId: starting.id });
  if (!wantsWorker(lane)) return false;
  if (lane.retryAtMs > tx.nowMs) {
    lane.verdict = verdict("start-failed", { untilMs: lane.retryAtMs });
    return false;
  }
  const offers = offersFor(tx.state, lane, taken, mayEvictFor(tx.state, lane, tx.nowMs));
  const chosen = offers.slice(0, lane.spec.gpuCount);
  if (chosen.length < lane.spec.gpuCount) {
    if (!starting) lane.verdict = shortfall(tx, lane, taken);
    return false;
  }
  const gpus = chosen.map((offer) => offer.gpu);
  if (chosen.every((offer) => offer.rank === "free")) {
    start(tx, lane, gpus);
    return true;
  }
  for (const gpu of gpus) taken.add(gpu);
  if (chosen.every((offer) => offer.rank !== "busy")) evict(tx, chosen);
  if (!starting) lane.verdict = waitingVerdict(gpus, chosen);
  return false;
}

function start(tx: Transition, lane: Lane, gpus: readonly Gpu[]): void {
  if (lane.spec.residency === "one-shot") return startOneShot(tx, lane, gpus);
  const worker = addWorker(tx, lane, gpus);
  lane.verdict = verdict("worker-starting", { workerId: worker.id, gpus: gpus.map((gpu) => gpu.uuid) });
}

function evict(tx: Transition, chosen: readonly Offer[]): void {
  for (const victim of new Set(chosen.flatMap((offer) => offer.victims))) drain(tx, victim, "evicted");
}

function placeWithoutGpu(tx: Transition, lane: Lane): void {
  const isCommand = lane.spec.residency === "one-shot";
  let inUse = 0;
  if (isCommand) for (const worker of tx.state.workers.values()) if (usesCpuSlot(worker)) inUse += 1;
  while (wantsWorker(lane)) {
    if (lane.retryAtMs > tx.nowMs) {
      lane.verdict = verdict("start-failed", { untilMs: lane.retryAtMs });
      return;
    }
    if (isCommand && inUse >= tx.state.policy.cpuSlots) {
      lane.verdict = verdict("cpu-busy");
      return;
    }
    inUse += 1;
    start(tx, lane, []);
  }
}

function usesCpuSlot(worker: Worker): boolean {
  return worker.lane.spec.residency === "one-shot" && worker.lane.spec.gpuCount === 0;
}

function hasReady(lane: Lane): boolean {
  for (const worker of lane.workers) if (worker.phase.state === "ready") return true;
  return false;
}

function firstWorker(lane: Lane): number | null {
  return lane.workers.values().next().value?.id ?? null;
}

/** Why not even a promise can be made: too few GPUs are healthy, free of strangers, and not promised already. */
function shortfall(tx: Transition, lane: Lane, taken: ReadonlySet<Gpu>): Verdict {
  const gpus = [...tx.state.gpus.values()];
  const healthy = gpus.filter((gpu) => gpu.healthy);
  if (healthy.length < lane.spec.gpuCount) return verdict("gpu-unavailable");
  const promised = healthy.filter((gpu) => taken.has(gpu));
  if (promised.length > 0) return verdict("gpu-reserved", { gpus: promised.map((gpu) => gpu.uuid) });
  const foreign = healthy.filter((gpu) => gpu.foreignBytes > 0);
  return verdict("gpu-foreign", { gpus: foreign.map((gpu) => gpu.uuid) });
}

function waitingVerdict(gpus: readonly Gpu[], chosen: readonly Offer[]): Verdict {
  const uuids = gpus.map((gpu) => gpu.uuid);
  const isBusy = chosen.some((offer) => offer.rank === "busy");
  let holder: Worker | undefined;
  for (const { gpu, rank } of chosen)
    if (!isBusy || rank === "busy") for (const lease of gpu.leases) holder ??= lease.worker;
  return verdict(isBusy ? "gpu-busy" : "draining", { gpus: uuids, workerId: holder?.id ?? null });
}

function verdict(code: VerdictCode, about: Partial<Omit<Verdict, "code">> = {}): Verdict {
  return { code, workerId: about.workerId ?? null, gpus: about.gpus ?? [], untilMs: about.untilMs ?? null };
}
