import { unreachable } from "../std/assert.ts";
import { noteEta } from "./eta.ts";
import type { Report, RunOutcome } from "./events.ts";
import { cancelledEnd, endingOf } from "./job-ends.ts";
import type { Job } from "./job-model.ts";
import { endAttempt, endJob, enqueue, markRunning, settleWaiting } from "./job-transitions.ts";
import { smooth, withRun } from "./learned.ts";
import type { Lane, Worker } from "./model.ts";
import { seeGpus, seeWorkers } from "./see-gpus.ts";
import { raiseFloor, settleJob } from "./settle-job.ts";
import { log, type Transition } from "./transition.ts";
import { onlyJob, removeWorker, settleIdle } from "./worker-transitions.ts";

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
      seeGpus(tx, report.gpus);
      return seeWorkers(tx, report.workers ?? []);
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
  if (worker.lane.spec.residency !== "one-shot")
    return advance(tx, worker, { ...report, type: "worker-step", step: "load" });
  const job = onlyJob(worker);
  if (worker.phase.state === "starting") becomeReady(tx, worker);
  if (job?.phase.state === "starting") markRunning(tx, job, worker);
}

function ready(tx: Transition, worker: Worker, report: ReportOf<"worker-ready">): void {
  tx.changes.endpoints.push({ workerId: worker.id, endpoint: report.endpoint, atMs: tx.nowMs });
  if (worker.phase.state !== "starting") return;
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
  if (worker.id > tx.state.adoptedUpTo) {
    const { lane } = worker;
    const startMs = tx.nowMs - worker.phase.sinceMs;
    lane.learned = { ...lane.learned, startMs: smooth(lane.learned.startMs, startMs) };
    if (lane.spec.residency === "resident") lane.pooled.start = withRun(lane.pooled.start, startMs);
    tx.changes.lanes.add(lane);
  }
  worker.phase = { state: "ready", sinceMs: tx.nowMs, idleSinceMs: tx.nowMs };
  worker.lane.startFailures = 0;
  worker.lane.lastStartError = null;
  tx.needsPlan = true;
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
  // The attempt does not count, so neither does it that the job made way.
  if (ending?.how === "preempted") enqueue(tx, job);
  else if (ending) endJob(tx, job, endingOf(ending.how, job.timeLimitMs));
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
  tx.state.deadlines.add({ atMs: lane.retryAtMs, kind: "plan", id: lane.spec.key });
  const headId = lane.queue.peek();
  const head = headId === undefined ? undefined : tx.state.jobs.get(headId);
  if (head && lane.startFailures % STARTS_PER_JOB === 0) endJob(tx, head, notStarted(message));
  settleWaiting(tx, lane);
}

function exited(tx: Transition, worker: Worker, report: ReportOf<"worker-exited">): void {
  const wasLoading = worker.phase.state === "starting";
  const askedFor = worker.phase.state === "stopping";
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
  removeWorker(tx, worker, failed ? "failed" : "gone", {
    exitCode: report.exit.exitCode,
    detail: report.exit.detail,
  });
  if (!failed || !wasLoading) return;
  const message = `${worker.name} ended before it was ready: ${detail}`;
  const grown = cause === "out-of-memory" ? raiseFloor(tx, worker) : null;
  backOff(tx, worker.lane, grown === null ? message : `${worker.name} ran out of GPU memory ${grown}`);
  if (grown === null || worker.lane.startFailures > 1) return;
  log(tx, "worker-out-of-memory", `${worker.name} ran out of GPU memory while it loaded ${grown}`, {
    worker,
  });
  // The declaration was wrong; waiting would not make it right.
  worker.lane.retryAtMs = tx.nowMs;
  if (wasSummoned) summonAgain(tx, worker.lane);
}

/** A person who asked for a worker waits for the one that is tried instead. */
function summonAgain(tx: Transition, lane: Lane): void {
  lane.summons = { gpu: null, evict: false };
  tx.state.waiting.add(lane);
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
