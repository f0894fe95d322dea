import { assert } from "../std/assert.ts";
import { leaseBytes, sleepersBytes } from "./capacity.ts";
import type { WorkerExit } from "./events.ts";
import type { Job } from "./job-model.ts";
import { beginAttempt, lookAgainBy, markRunning } from "./job-transitions.ts";
import { smooth, withRun } from "./learned.ts";
import type { Gpu, Lane, Lease, Worker } from "./model.ts";
import { mayFallAsleep } from "./sleep.ts";
import { fallAsleep, noteComing } from "./sleep-transitions.ts";
import { log, type Transition } from "./transition.ts";
import type { StopReason, WorkerPhase } from "./worker-phase.ts";

/**
 * Grants the GPUs to a new worker of `lane` and has it started. The caller has checked that it fits.
 * @param backfillUntilMs set when some of the GPUs are promised to others from then on
 */
export function addWorker(
  tx: Transition,
  lane: Lane,
  gpus: readonly Gpu[],
  backfillUntilMs: number | null = null,
): Worker {
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
    backfillUntilMs,
  };
  // In the order in which the driver counts them: that is the order the program sees, also after a restart.
  const inOrder = [...gpus].sort((left, right) => left.index - right.index);
  worker.leases = inOrder.map((gpu) => grant(tx, worker, gpu));
  tx.state.workers.set(id, worker);
  lane.workers.add(worker);
  noteComing(tx, lane, worker);
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
  const held = [...gpu.leases].filter((lease) => lease.mode !== "residue");
  const isFree = mode === "exclusive" ? held.length === 0 : held.every((lease) => lease.mode === "shared");
  assert(isFree, `GPU ${gpu.index} is leased already`);
  const vramBytes = leaseBytes(tx.state.policy, worker.lane, gpu, sleepersBytes(gpu));
  const lease: Lease = { gpu, worker, mode, vramBytes, fence: worker.fence };
  gpu.leases.add(lease);
  tx.changes.leasesGranted.push({ lease, atMs: tx.nowMs });
  log(tx, "lease-granted", `${worker.name} holds GPU ${gpu.index} (fence ${lease.fence})`, { worker, gpu });
  return lease;
}

/** Hands a job that is next in its lane to a ready resident worker. */
export function dispatch(tx: Transition, worker: Worker, job: Job): void {
  beginAttempt(tx, job, worker);
  markRunning(tx, job, worker);
  tx.effects.push({ type: "run-job", workerId: worker.id, jobId: job.id, attempt: job.attempts });
}

/** Starts a one-shot worker for a job that is next in its lane. */
export function startOneShot(tx: Transition, job: Job, gpus: readonly Gpu[]): void {
  const worker = addWorker(tx, job.lane, gpus);
  beginAttempt(tx, job, worker);
  job.phase = { state: "starting", worker };
}

/** Lets a worker finish what it has in hand and then stops it, also one that was to sleep then. */
export function drain(tx: Transition, worker: Worker, reason: StopReason): void {
  const { phase } = worker;
  if (phase.state === "stopping" || (phase.state === "draining" && phase.sleeps !== true)) return;
  if (worker.jobs.size === 0) return stop(tx, worker, reason);
  beginDraining(tx, worker, reason, false);
}

/** As `drain`, but it is put to sleep instead of stopped if it may be, now or once it has finished. */
export function retire(tx: Transition, worker: Worker, reason: StopReason): void {
  if (worker.phase.state !== "ready" || !mayFallAsleep(tx.state, worker, tx.nowMs))
    return drain(tx, worker, reason);
  if (worker.jobs.size === 0) return fallAsleep(tx, worker, reason);
  beginDraining(tx, worker, reason, true);
}

function beginDraining(tx: Transition, worker: Worker, reason: StopReason, sleeps: boolean): void {
  worker.phase = { state: "draining", sinceMs: tx.nowMs, reason, ...(sleeps ? { sleeps } : {}) };
  tx.needsPlan = true;
  tx.changes.workers.add(worker);
  const then = sleeps ? "sleeps" : "stops";
  log(
    tx,
    "worker-draining",
    `${worker.name} finishes ${worker.jobs.size} running job(s), then ${then} (${reason})`,
    { worker },
  );
}

/** Orders a worker to stop now. Its leases are kept until its exit is reported. */
export function stop(tx: Transition, worker: Worker, reason: StopReason): void {
  if (worker.phase.state === "stopping") return;
  const { phase } = worker;
  const slept = "ramBytes" in phase ? { ramBytes: phase.ramBytes } : {};
  worker.phase = { state: "stopping", sinceMs: tx.nowMs, reason, ...slept };
  tx.needsPlan = true;
  tx.changes.workers.add(worker);
  tx.effects.push({ type: "stop-worker", workerId: worker.id, graceMs: worker.lane.spec.stopTimeoutMs });
  log(tx, "worker-stopping", `${worker.name} stops (${reason})`, { worker });
}

/** A worker whose last job is done: idle from now on, or stopped if it was only finishing. */
export function settleIdle(tx: Transition, worker: Worker): void {
  if (worker.jobs.size > 0) return;
  if (worker.phase.state === "draining") return endDraining(tx, worker, worker.phase);
  if (worker.phase.state !== "ready") return;
  worker.phase = { ...worker.phase, idleSinceMs: tx.nowMs };
  tx.needsPlan = true;
  tx.changes.workers.add(worker);
  const { keepAliveMs } = worker.lane.spec;
  if (keepAliveMs !== null) lookAgainBy(tx.state, tx.nowMs + keepAliveMs);
}

function endDraining(
  tx: Transition,
  worker: Worker,
  { reason, sleeps }: Extract<WorkerPhase, { state: "draining" }>,
): void {
  if (sleeps === true && mayFallAsleep(tx.state, worker, tx.nowMs)) fallAsleep(tx, worker, reason);
  else stop(tx, worker, reason);
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
    const { lane } = worker;
    const stopMs = tx.nowMs - worker.phase.sinceMs;
    lane.learned = { ...lane.learned, stopMs: smooth(lane.learned.stopMs, stopMs) };
    if (lane.spec.residency === "resident") lane.pooled.stop = withRun(lane.pooled.stop, stopMs);
    tx.changes.lanes.add(lane);
  }
  tx.needsPlan = true;
  const { leasesResized } = tx.changes;
  // What is given back in the step in which it changed is only given back.
  const kept = leasesResized.filter((lease) => lease.worker !== worker);
  if (kept.length < leasesResized.length) leasesResized.splice(0, leasesResized.length, ...kept);
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

/** The job of a one-shot worker, if it still has one. */
export function onlyJob(worker: Worker): Job | undefined {
  return worker.jobs.values().next().value;
}
