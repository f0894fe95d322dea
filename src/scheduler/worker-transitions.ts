import { assert } from "../std/assert.ts";
import { leaseBytes } from "./capacity.ts";
import type { WorkerExit } from "./events.ts";
import { beginAttempt, lookAgainBy, markRunning, settleWaiting } from "./job-transitions.ts";
import type { Gpu, Job, Lane, Lease, StopReason, Worker } from "./model.ts";
import { log, type Transition } from "./transition.ts";

/** Weight of the newest measurement in the smoothed switch costs. */
const COST_WEIGHT = 0.3;

/** Grants the GPUs to a new worker of `lane` and has it started. The caller has checked that it fits. */
export function addWorker(tx: Transition, lane: Lane, gpus: readonly Gpu[]): Worker {
  const id = tx.state.nextWorkerId++;
  tx.state.lastFence += 1;
  const worker: Worker = {
    id,
    name: `${lane.spec.runtime}-${id}`,
    lane,
    fence: tx.state.lastFence,
    createdAtMs: tx.nowMs,
    leases: [],
    jobs: new Set(),
    pinned: lane.spec.residency === "resident" && lane.spec.keepAliveMs === null,
    phase: { state: "starting", step: gpus.length > 0 ? "vram" : "environment", sinceMs: tx.nowMs },
  };
  worker.leases = gpus.map((gpu) => grant(tx, worker, gpu));
  tx.state.workers.set(id, worker);
  lane.workers.add(worker);
  if (lane.summons !== null) lane.summoned = worker;
  lane.summons = null;
  settleWaiting(tx, lane);
  tx.changes.workers.add(worker);
  tx.effects.push({ type: "start-worker", workerId: id });
  const where = gpus.length === 0 ? "without a GPU" : `on GPU ${gpus.map((gpu) => gpu.index).join(", ")}`;
  log(tx, "worker-starting", `${worker.name} starts ${where} for ${lane.spec.title}`, {
    worker,
    ...(gpus[0] ? { gpu: gpus[0] } : {}),
  });
  return worker;
}

function grant(tx: Transition, worker: Worker, gpu: Gpu): Lease {
  const { mode } = worker.lane.spec;
  const held = [...gpu.leases];
  const isFree = mode === "exclusive" ? held.length === 0 : held.every((lease) => lease.mode === "shared");
  assert(isFree, `GPU ${gpu.index} is leased already`);
  const vramBytes = leaseBytes(tx.state.policy, worker.lane.spec, gpu);
  const lease: Lease = { gpu, worker, mode, vramBytes, fence: worker.fence };
  gpu.leases.add(lease);
  tx.changes.leasesGranted.push({ lease, atMs: tx.nowMs });
  log(tx, "lease-granted", `${worker.name} holds GPU ${gpu.index} (fence ${lease.fence})`, { worker, gpu });
  return lease;
}

/** Hands the lane's next job to a ready resident worker. */
export function dispatchNext(tx: Transition, worker: Worker): void {
  const id = worker.lane.queue.peek();
  const job = id === undefined ? undefined : tx.state.jobs.get(id);
  assert(job, `lane ${worker.lane.spec.key} has no job to dispatch`);
  beginAttempt(tx, job, worker);
  markRunning(tx, job, worker);
  tx.effects.push({ type: "run-job", workerId: worker.id, jobId: job.id, attempt: job.attempts });
}

/** Starts a one-shot worker for the lane's next job. */
export function startOneShot(tx: Transition, lane: Lane, gpus: readonly Gpu[]): void {
  const id = lane.queue.peek();
  const job = id === undefined ? undefined : tx.state.jobs.get(id);
  assert(job, `lane ${lane.spec.key} has no job to start`);
  const worker = addWorker(tx, lane, gpus);
  beginAttempt(tx, job, worker);
  job.phase = { state: "starting", worker };
}

/** Lets a worker finish what it has in hand and then stops it. */
export function drain(tx: Transition, worker: Worker, reason: StopReason): void {
  if (worker.phase.state === "draining" || worker.phase.state === "stopping") return;
  if (worker.jobs.size === 0) return stop(tx, worker, reason);
  worker.phase = { state: "draining", sinceMs: tx.nowMs, reason };
  tx.changes.workers.add(worker);
  log(
    tx,
    "worker-draining",
    `${worker.name} finishes ${worker.jobs.size} running job(s), then stops (${reason})`,
    {
      worker,
    },
  );
}

/** Orders a worker to stop now. Its leases are kept until its exit is reported. */
export function stop(tx: Transition, worker: Worker, reason: StopReason): void {
  if (worker.phase.state === "stopping") return;
  worker.phase = { state: "stopping", sinceMs: tx.nowMs, reason };
  tx.changes.workers.add(worker);
  tx.effects.push({ type: "stop-worker", workerId: worker.id, graceMs: worker.lane.spec.stopTimeoutMs });
  log(tx, "worker-stopping", `${worker.name} stops (${reason})`, { worker });
}

/** A worker whose last job is done: idle from now on, or stopped if it was only finishing. */
export function settleIdle(tx: Transition, worker: Worker): void {
  if (worker.jobs.size > 0) return;
  if (worker.phase.state === "draining") return stop(tx, worker, worker.phase.reason);
  if (worker.phase.state !== "ready") return;
  worker.phase = { ...worker.phase, idleSinceMs: tx.nowMs };
  tx.changes.workers.add(worker);
  const { keepAliveMs } = worker.lane.spec;
  if (keepAliveMs !== null) lookAgainBy(tx.state, tx.nowMs + keepAliveMs);
}

/** Takes a worker off the books: its program is gone, so its leases are free. Its jobs have been dealt with. */
export function removeWorker(
  tx: Transition,
  worker: Worker,
  state: "gone" | "failed",
  exit: WorkerExit,
): void {
  assert(worker.jobs.size === 0, `${worker.name} still has jobs`);
  if (worker.phase.state === "stopping" && worker.id > tx.state.adoptedUpTo) {
    worker.lane.stopCostMs = smooth(worker.lane.stopCostMs, tx.nowMs - worker.phase.sinceMs);
    tx.changes.lanes.add(worker.lane);
  }
  for (const lease of worker.leases) {
    lease.gpu.leases.delete(lease);
    tx.changes.leasesReleased.push({ lease, atMs: tx.nowMs });
    log(tx, "lease-released", `${worker.name} gave GPU ${lease.gpu.index} back`, { worker, gpu: lease.gpu });
  }
  tx.state.workers.delete(worker.id);
  worker.lane.workers.delete(worker);
  if (worker.lane.summoned === worker) worker.lane.summoned = null;
  tx.changes.workers.delete(worker);
  tx.changes.workersGone.push({ worker, state, ...exit, atMs: tx.nowMs });
  log(tx, `worker-${state}`, `${worker.name} is ${state}${exit.detail === null ? "" : `: ${exit.detail}`}`, {
    worker,
  });
}

/** Exponentially smoothed cost in milliseconds. */
export function smooth(before: number | null, measuredMs: number): number {
  return before === null ? measuredMs : before + COST_WEIGHT * (measuredMs - before);
}

/** The job of a one-shot worker, if it still has one. */
export function onlyJob(worker: Worker): Job | undefined {
  return worker.jobs.values().next().value;
}
