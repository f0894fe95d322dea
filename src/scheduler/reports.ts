import { unreachable } from "../std/assert.ts";
import type { Report, RunOutcome, SeenGpu } from "./events.ts";
import {
  cancelledEnd,
  endAttempt,
  endingOf,
  endJob,
  enqueue,
  holdJob,
  markRunning,
  settleWaiting,
} from "./job-transitions.ts";
import type { Gpu, Job, Lane, Worker } from "./model.ts";
import { log, type Transition } from "./transition.ts";
import { drain, onlyJob, removeWorker, settleIdle, smooth } from "./worker-transitions.ts";

/** A failed start is tried again after 1, 2, 4 … s, at most a minute. */
const RETRY_BASE_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** After this many failed starts in a row the lane's first job fails with the reason, so that its caller learns it. */
const STARTS_PER_JOB = 3;

type ReportOf<T extends Report["type"]> = Extract<Report, { type: T }>;

/** Applies what the world reports; old news of workers or attempts that are gone change nothing. */
export function applyReport(tx: Transition, report: Report): void {
  switch (report.type) {
    case "tick":
      return;
    case "gpus-seen":
      return seeGpus(tx, report.gpus);
    case "worker-step":
      return withWorker(tx, report.workerId, (worker) => advance(tx, worker, report));
    case "worker-spawned":
      return withWorker(tx, report.workerId, (worker) => spawned(tx, worker, report));
    case "worker-ready":
      return withWorker(tx, report.workerId, (worker) => ready(tx, worker, report));
    case "worker-start-failed":
      return withWorker(tx, report.workerId, (worker) => startFailed(tx, worker, report));
    case "worker-exited":
      return withWorker(tx, report.workerId, (worker) => exited(tx, worker, report));
    case "job-ended":
      return jobEnded(tx, report);
    default:
      return unreachable(report);
  }
}

function withWorker(tx: Transition, workerId: number, act: (worker: Worker) => void): void {
  const worker = tx.state.workers.get(workerId);
  if (worker) act(worker);
}

function seeGpus(tx: Transition, seen: readonly SeenGpu[]): void {
  const present = new Set<string>();
  for (const reading of seen) {
    present.add(reading.uuid);
    const known = tx.state.gpus.get(reading.uuid);
    const gpu: Gpu = known ?? { ...reading, leases: new Set() };
    if (known && known.healthy !== reading.healthy) reportHealth(tx, known, reading.healthy);
    if (known && !reading.healthy) drainResidents(tx, known);
    Object.assign(gpu, reading);
    tx.state.gpus.set(reading.uuid, gpu);
    tx.changes.gpus.add(gpu);
  }
  for (const gpu of tx.state.gpus.values()) {
    if (present.has(gpu.uuid)) continue;
    if (gpu.healthy) reportHealth(tx, gpu, false);
    drainResidents(tx, gpu);
    if (gpu.leases.size === 0) tx.state.gpus.delete(gpu.uuid);
  }
}

function reportHealth(tx: Transition, gpu: Gpu, healthy: boolean): void {
  gpu.healthy = healthy;
  log(tx, healthy ? "gpu-back" : "gpu-lost", `GPU ${gpu.index} ${healthy ? "is back" : "cannot be used"}`, {
    gpu,
  });
}

/**
 * A GPU that is lost takes no new work; what runs there is left to end by itself or by its caller. It may have been
 * lost while no daemon looked, so its workers are looked at each time and not only when its health changes.
 */
function drainResidents(tx: Transition, gpu: Gpu): void {
  for (const lease of gpu.leases) {
    if (lease.worker.lane.spec.residency === "resident") drain(tx, lease.worker, "gpu-lost");
  }
}

function advance(tx: Transition, worker: Worker, report: ReportOf<"worker-step">): void {
  if (worker.phase.state !== "starting" || worker.phase.step === report.step) return;
  worker.phase = { ...worker.phase, step: report.step };
  tx.changes.workers.add(worker);
  log(tx, `worker-${report.step}`, `${worker.name}: ${stepText[report.step]}`, { worker });
}

export const stepText = {
  vram: "waits until the driver reports the memory free",
  environment: "its environment is prepared",
  spawn: "its program starts",
  load: "it loads",
} as const;

function spawned(tx: Transition, worker: Worker, report: ReportOf<"worker-spawned">): void {
  tx.changes.identities.push({ workerId: worker.id, identity: report.identity });
  if (worker.lane.spec.residency !== "one-shot")
    return advance(tx, worker, { ...report, type: "worker-step", step: "load" });
  const job = onlyJob(worker);
  if (worker.phase.state === "starting") becomeReady(tx, worker);
  if (job?.phase.state === "starting") markRunning(tx, job, worker);
}

function ready(tx: Transition, worker: Worker, report: ReportOf<"worker-ready">): void {
  tx.changes.endpoints.push({ workerId: worker.id, endpoint: report.endpoint, atMs: tx.nowMs });
  if (worker.phase.state !== "starting") return;
  if (worker.id > tx.state.adoptedUpTo) {
    worker.lane.startCostMs = smooth(worker.lane.startCostMs, tx.nowMs - worker.phase.sinceMs);
    tx.changes.lanes.add(worker.lane);
  }
  becomeReady(tx, worker);
  settleIdle(tx, worker);
  log(
    tx,
    "worker-ready",
    `${worker.name} is ready after ${((tx.nowMs - worker.createdAtMs) / 1000).toFixed(1)} s`,
    {
      worker,
    },
  );
}

function becomeReady(tx: Transition, worker: Worker): void {
  worker.phase = { state: "ready", sinceMs: tx.nowMs, idleSinceMs: tx.nowMs };
  worker.lane.startFailures = 0;
  worker.lane.lastStartError = null;
  tx.changes.workers.add(worker);
}

function startFailed(tx: Transition, worker: Worker, report: ReportOf<"worker-start-failed">): void {
  const wasStopping = worker.phase.state === "stopping";
  for (const job of [...worker.jobs]) {
    if (worker.lane.spec.residency === "resident") settleJob(tx, job, lostOutcome(report.message));
    else jobNotStarted(tx, job, report);
  }
  removeWorker(tx, worker, "failed", { exitCode: null, detail: report.message });
  // A start that was called off, or that the daemon did not live to make, says nothing about the lane.
  if (wasStopping || report.cause === "interrupted") return;
  if (worker.lane.spec.residency === "resident" || report.cause === "memory")
    backOff(tx, worker.lane, report.message);
}

/** The job of a one-shot worker whose program never ran: its attempt does not count. */
function jobNotStarted(tx: Transition, job: Job, report: ReportOf<"worker-start-failed">): void {
  const ending = job.phase.state === "running" ? job.phase.ending : null;
  endAttempt(tx, job, "not-started", null);
  if (ending) endJob(tx, job, endingOf(ending.how, job.timeLimitMs));
  else if (report.cause === "program") endJob(tx, job, notStarted(report.message));
  else enqueue(tx, job);
}

function notStarted(message: string) {
  return {
    ...cancelledEnd,
    state: "failed",
    exitCode: 125,
    reason: { code: "start-failed", text: message },
  } as const;
}

/** Notes a failed start; the lane is tried again later, and every third failure fails the job at its head. */
function backOff(tx: Transition, lane: Lane, message: string): void {
  lane.startFailures += 1;
  lane.lastStartError = message;
  lane.retryAtMs = tx.nowMs + Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (lane.startFailures - 1));
  lane.summons = null;
  tx.changes.lanes.add(lane);
  tx.state.deadlines.add({ atMs: lane.retryAtMs, kind: "lane-retry", id: lane.spec.key });
  const headId = lane.queue.peek();
  const head = headId === undefined ? undefined : tx.state.jobs.get(headId);
  if (head && lane.startFailures % STARTS_PER_JOB === 0) endJob(tx, head, notStarted(message));
  settleWaiting(tx, lane);
}

function exited(tx: Transition, worker: Worker, report: ReportOf<"worker-exited">): void {
  const wasLoading = worker.phase.state === "starting";
  const askedFor = worker.phase.state === "stopping";
  const detail = report.exit.detail ?? `exit code ${report.exit.exitCode ?? "unknown"}`;
  for (const job of [...worker.jobs]) {
    const outcome = report.result ?? lostOutcome(`${worker.name} ended while the job ran: ${detail}`);
    settleJob(tx, job, outcome);
  }
  const failed = !askedFor && worker.lane.spec.residency === "resident";
  removeWorker(tx, worker, failed ? "failed" : "gone", {
    exitCode: report.exit.exitCode,
    detail: report.exit.detail,
  });
  if (failed && wasLoading) backOff(tx, worker.lane, `${worker.name} ended before it was ready: ${detail}`);
}

function lostOutcome(message: string): RunOutcome {
  return { kind: "lost", exitCode: null, message, output: null, artifacts: null };
}

function jobEnded(tx: Transition, report: ReportOf<"job-ended">): void {
  const job = tx.state.jobs.get(report.jobId);
  if (job?.phase.state !== "running" || job.attempts !== report.attempt) return;
  const { worker } = job.phase;
  settleJob(tx, job, report.outcome);
  settleIdle(tx, worker);
}

/** Ends the attempt and then the job, or queues the job for another attempt. */
function settleJob(tx: Transition, job: Job, outcome: RunOutcome): void {
  const ending = job.phase.state === "running" ? job.phase.ending : null;
  endAttempt(tx, job, outcome.kind, outcome.exitCode);
  const { output, artifacts } = outcome;
  if (outcome.kind === "succeeded") {
    return endJob(tx, job, {
      state: "succeeded",
      exitCode: outcome.exitCode ?? 0,
      reason: null,
      output,
      artifacts,
    });
  }
  if (ending) return endJob(tx, job, { ...endingOf(ending.how, job.timeLimitMs), output, artifacts });
  if (job.attempts <= allowedRetries(job, outcome)) return retryLater(tx, job, outcome);
  const code = outcome.kind === "lost" ? "worker-lost" : "failed";
  const text = outcome.message ?? `it ended with exit code ${outcome.exitCode ?? "unknown"}`;
  endJob(tx, job, {
    state: "failed",
    exitCode: outcome.exitCode ?? (outcome.kind === "lost" ? null : 1),
    reason: { code, text },
    output,
    artifacts,
  });
}

/** A resident worker that dies under a job is not the job's fault the first time. A command runs as often as it was told. */
function allowedRetries(job: Job, outcome: RunOutcome): number {
  const isForgiven = outcome.kind === "lost" && job.lane.spec.residency === "resident";
  return isForgiven ? Math.max(job.retries, 1) : job.retries;
}

function retryLater(tx: Transition, job: Job, outcome: RunOutcome): void {
  const waitMs = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (job.attempts - 1));
  holdJob(tx, job, { state: "held", byPerson: false, after: new Set(), untilMs: tx.nowMs + waitMs });
  log(
    tx,
    "job-retrying",
    `job ${job.id} is tried again in ${waitMs / 1000} s: ${outcome.message ?? outcome.kind}`,
    { job },
  );
}
