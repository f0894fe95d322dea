import { unreachable } from "../std/assert.ts";
import { noteEta } from "./eta.ts";
import type { Report, RunOutcome } from "./events.ts";
import { endingOf } from "./job-ends.ts";
import type { Job } from "./job-model.ts";
import { endAttempt, endJob, enqueue, markRunning } from "./job-transitions.ts";
import { isSleeper } from "./lane-workers.ts";
import { smooth, withRun } from "./learned.ts";
import type { Lane, Worker } from "./model.ts";
import { lanePrepared, makeAnew, prepareFailed } from "./preparation.ts";
import { noteFreeMemory, noteStuckMemory, workerStuck } from "./quarantine.ts";
import { seeGpus, seeWorkers } from "./see-gpus.ts";
import { raiseFloor, settleJob } from "./settle-job.ts";
import { asleep, sleepFailed, stopUnmeasured, summonAgain } from "./sleep-reports.ts";
import { noteSleepFailure } from "./sleep-transitions.ts";
import { noteCrash, noteFailedStart, notStarted } from "./start-failures.ts";
import { log, type Transition } from "./transition.ts";
import { onlyJob, removeWorker, settleIdle } from "./worker-transitions.ts";

type ReportOf<T extends Report["type"]> = Extract<Report, { type: T }>;

/** Applies what the world reports; old news of workers or attempts that are gone change nothing. */
export function applyReport(tx: Transition, report: Report): void {
  switch (report.type) {
    case "tick":
      return;
    case "gpus-seen":
      seeGpus(tx, report.gpus);
      return seeWorkers(tx, report.workers ?? []);
    case "lane-prepared":
      return lanePrepared(tx, report);
    case "lane-prepare-failed":
      return prepareFailed(tx, report);
    case "worker-step":
      return withWorker(tx, report.workerId, (worker) => advance(tx, worker, report));
    case "worker-spawned":
      return withWorker(tx, report.workerId, (worker) => spawned(tx, worker, report));
    case "worker-ready":
      return withWorker(tx, report.workerId, (worker) => ready(tx, worker, report));
    case "worker-asleep":
      return withWorker(tx, report.workerId, (worker) => asleep(tx, worker, report));
    case "worker-woken":
      return withWorker(tx, report.workerId, (worker) => woken(tx, worker, report));
    case "worker-sleep-failed":
      return withWorker(tx, report.workerId, (worker) => sleepFailed(tx, worker, report));
    case "worker-start-failed":
      return withWorker(tx, report.workerId, (worker) => startFailed(tx, worker, report));
    case "worker-stuck":
      return withWorker(tx, report.workerId, (worker) => workerStuck(tx, worker, report));
    case "worker-exited":
      return withWorker(tx, report.workerId, (worker) => exited(tx, worker, report));
    case "job-ended":
      return jobEnded(tx, report);
    case "eta-given":
      return noteEta(tx, report.jobId, report.etaMs);
    default:
      return unreachable(report);
  }
}

function withWorker(tx: Transition, workerId: number, act: (worker: Worker) => void): void {
  const worker = tx.state.workers.get(workerId);
  if (worker) act(worker);
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
  noteFreeMemory(worker.leases);
  if (worker.lane.spec.residency !== "one-shot")
    return advance(tx, worker, { ...report, type: "worker-step", step: "load" });
  const job = onlyJob(worker);
  if (worker.phase.state === "starting") becomeReady(tx, worker);
  if (job?.phase.state === "starting") markRunning(tx, job, worker);
}

function ready(tx: Transition, worker: Worker, report: ReportOf<"worker-ready">): void {
  tx.changes.endpoints.push({ workerId: worker.id, endpoint: report.endpoint, atMs: tx.nowMs });
  if (worker.phase.state !== "starting") return;
  if (report.loadMs !== undefined) learnLoad(tx, worker.lane, report.loadMs);
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

/** The news of an earlier waking says nothing about this one: each has a fence of its own. */
function woken(tx: Transition, worker: Worker, report: ReportOf<"worker-woken">): void {
  const { phase, lane } = worker;
  if (phase.state !== "waking" || worker.fence !== report.fence) return;
  const wakeMs = tx.nowMs - phase.sinceMs;
  lane.learned = { ...lane.learned, sleepFailures: 0, noSleepUntilMs: null };
  if (worker.id > tx.state.adoptedUpTo)
    lane.learned = { ...lane.learned, wakeMs: smooth(lane.learned.wakeMs, wakeMs) };
  tx.changes.lanes.add(lane);
  nowReady(tx, worker);
  settleIdle(tx, worker);
  log(tx, "worker-woken", `${worker.name} is awake after ${(wakeMs / 1000).toFixed(1)} s`, { worker });
}

function learnLoad(tx: Transition, lane: Lane, loadMs: number): void {
  lane.learned = { ...lane.learned, load: withRun(lane.learned.load, loadMs) };
  tx.changes.lanes.add(lane);
}

function becomeReady(tx: Transition, worker: Worker): void {
  if (worker.id > tx.state.adoptedUpTo) {
    const { lane } = worker;
    const startMs = tx.nowMs - worker.phase.sinceMs;
    lane.learned = { ...lane.learned, startMs: smooth(lane.learned.startMs, startMs) };
    if (lane.spec.residency === "resident") lane.pooled.start = withRun(lane.pooled.start, startMs);
    tx.changes.lanes.add(lane);
  }
  nowReady(tx, worker);
}

function nowReady(tx: Transition, worker: Worker): void {
  worker.phase = { state: "ready", sinceMs: tx.nowMs, idleSinceMs: tx.nowMs };
  worker.lane.startFailures = 0;
  if (worker.lane.crashes === 0) worker.lane.lastStartError = null;
  tx.needsPlan = true;
  tx.changes.workers.add(worker);
}

function startFailed(tx: Transition, worker: Worker, report: ReportOf<"worker-start-failed">): void {
  const wasStopping = worker.phase.state === "stopping";
  const wasSummoned = worker.lane.summoned === worker;
  for (const job of [...worker.jobs]) {
    if (worker.lane.spec.residency === "resident") settleJob(tx, job, lostOutcome(report.message));
    else jobNotStarted(tx, job, report);
  }
  if (report.cause === "memory") stopUnmeasured(tx, worker);
  removeWorker(tx, worker, "failed", { exitCode: null, detail: report.message });
  if (report.cause === "unprepared") makeAnew(worker.lane);
  // A start that was called off, or that the daemon did not live to make, says nothing about the lane.
  if (wasStopping || report.cause === "interrupted") return;
  const { cause, message } = report;
  if (cause === "memory") noteStuckMemory(tx, report.stuckGpus ?? [], message);
  if (worker.lane.spec.residency === "one-shot" && cause === "program") return;
  noteFailedStart(tx, worker.lane, message, tx.nowMs - worker.createdAtMs);
  if (cause === "unprepared" && wasSummoned) summonAgain(tx, worker.lane);
}

/** The job of a one-shot worker whose program never ran: its attempt does not count. */
function jobNotStarted(tx: Transition, job: Job, report: ReportOf<"worker-start-failed">): void {
  const ending = job.phase.state === "running" ? job.phase.ending : null;
  endAttempt(tx, job, "not-started", null);
  // The attempt does not count, so neither does it that the job made way.
  if (ending?.how === "preempted") enqueue(tx, job);
  else if (ending) endJob(tx, job, endingOf(ending.how, job.timeLimitMs));
  else if (report.cause === "program") endJob(tx, job, notStarted(report.message));
  else enqueue(tx, job);
}

function exited(tx: Transition, worker: Worker, report: ReportOf<"worker-exited">): void {
  const wasLoading = worker.phase.state === "starting";
  const askedFor = worker.phase.state === "stopping";
  const wasWaking = worker.phase.state === "waking";
  const wasSleeper = wasWaking || isSleeper(worker);
  const wasSummoned = worker.lane.summoned === worker;
  const detail = report.exit.detail ?? `exit code ${report.exit.exitCode ?? "unknown"}`;
  const { cause } = report.exit;
  for (const job of [...worker.jobs]) {
    const outcome = report.result ?? {
      ...lostOutcome(`${worker.name} ended while the job ran: ${detail}`),
      cause,
    };
    settleJob(tx, job, outcome);
  }
  const failed = !askedFor && worker.lane.spec.residency === "resident";
  if (failed && wasSleeper && !isJustOrdered(tx, worker)) noteSleepFailure(tx, worker.lane, false);
  if (wasWaking && wasSummoned) summonAgain(tx, worker.lane);
  removeWorker(tx, worker, failed ? "failed" : "gone", {
    exitCode: report.exit.exitCode,
    detail: report.exit.detail,
  });
  const isOfGpu = worker.leases.some(({ gpu }) => gpu.quarantine !== null);
  if (failed && !wasLoading && !wasSleeper && !isOfGpu)
    noteCrash(tx, worker.lane, `${worker.name} ended unasked: ${detail}`);
  if (!failed || !wasLoading) return;
  const message = `${worker.name} ended before it was ready: ${detail}`;
  const grown = cause === "out-of-memory" ? raiseFloor(tx, worker) : null;
  const text = grown === null ? message : `${worker.name} ran out of GPU memory ${grown}`;
  noteFailedStart(tx, worker.lane, text, tx.nowMs - worker.createdAtMs);
  if (grown === null || worker.lane.startFailures > 1) return;
  log(tx, "worker-out-of-memory", `${worker.name} ran out of GPU memory while it loaded ${grown}`, {
    worker,
  });
  // The declaration was wrong; waiting would not make it right.
  worker.lane.retryAtMs = tx.nowMs;
  if (wasSummoned) summonAgain(tx, worker.lane);
}

/** Whether it was told to sleep in this step, so it has not heard of it. */
function isJustOrdered({ effects }: Transition, { id }: Worker): boolean {
  return effects.some((effect) => effect.type === "sleep-worker" && effect.workerId === id);
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
