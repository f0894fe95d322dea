import { formatBytes } from "../std/bytes.ts";
import { isUsable, suits, vramOf } from "./capacity.ts";
import type { RunOutcome } from "./events.ts";
import { type End, endingOf } from "./job-ends.ts";
import type { Job } from "./job-model.ts";
import { endAttempt, endJob, enqueue, extrasOf, holdJob, nothingHeld } from "./job-transitions.ts";
import { withRun } from "./learned.ts";
import type { Lane, State, Worker } from "./model.ts";
import { noteSuccess } from "./start-failures.ts";
import { suspectAll } from "./suspects.ts";
import { log, type Transition } from "./transition.ts";
import { drain } from "./worker-transitions.ts";

/** A retry waits no longer than this, unless its first wait was longer already. */
const RETRY_MAX_MS = 60_000;
/** A job that ran out of memory gets a lease this much larger. */
const MEMORY_GROWTH = 1.5;

/** Ends the attempt and then the job, or queues the job for another attempt. */
export function settleJob(tx: Transition, job: Job, outcome: RunOutcome): void {
  if (job.phase.state !== "running" && job.phase.state !== "starting") return;
  const { worker } = job.phase;
  const ending = job.phase.state === "running" ? job.phase.ending : null;
  if (outcome.kind === "lost" && worker.lane.spec.residency === "resident") suspectAll(tx, worker);
  const isPreempted = ending?.how === "preempted" && !isDoneAnyway(worker, outcome);
  if (outcome.kind === "succeeded" && !isPreempted) learnRun(tx, job);
  endAttempt(tx, job, isPreempted ? "preempted" : outcome.kind, outcome.exitCode);
  if (isPreempted) return requeuePreempted(tx, job);
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
  if (ending && ending.how !== "preempted")
    return endJob(tx, job, { ...endingOf(ending.how, job.timeLimitMs), output, artifacts });
  if (outcome.cause === "out-of-memory" && growLease(tx, job, worker)) return;
  if (countedAttempts(job) <= allowedRetries(job, outcome, worker)) return retryLater(tx, job, outcome);
  endJob(tx, job, { ...failureOf(outcome), output, artifacts });
}

/** A program that was sent SIGTERM and exits with 0 has saved its work, which does not mean that it is done. */
function isDoneAnyway(worker: Worker, outcome: RunOutcome): boolean {
  return outcome.kind === "succeeded" && worker.lane.spec.residency === "resident";
}

function failureOf(outcome: RunOutcome): Pick<End, "state" | "exitCode" | "reason"> {
  const code = outcome.cause ?? (outcome.kind === "lost" ? "worker-lost" : "failed");
  const text = outcome.message ?? `it ended with exit code ${outcome.exitCode ?? "unknown"}`;
  const exitCode = outcome.exitCode ?? (outcome.kind === "lost" ? null : 1);
  return { state: "failed", exitCode, reason: { code, text } };
}

/** Runs that an earlier daemon began are not measured: nobody knows when they really ended. */
function learnRun(tx: Transition, job: Job): void {
  noteSuccess(job.lane);
  const { phase, lane } = job;
  if (phase.state !== "running" || phase.worker.id <= tx.state.adoptedUpTo) return;
  const runMs = tx.nowMs - phase.startedAtMs;
  lane.learned = { ...lane.learned, run: withRun(lane.learned.run, runMs) };
  tx.state.pooled.run = withRun(tx.state.pooled.run, runMs);
  tx.changes.lanes.add(lane);
  const { estimate } = job.terms;
  if (estimate === null) return;
  estimate.run = withRun(estimate.run, runMs);
  tx.changes.runGroups.add(estimate);
}

/** A job that made way for another one is queued again; that costs it none of its retries. */
function requeuePreempted(tx: Transition, job: Job): void {
  extrasOf(job).preemptions += 1;
  log(tx, "job-preempted", `job ${job.id} made way for a job of higher priority and is queued again`, {
    job,
  });
  enqueue(tx, job);
}

/**
 * A job that ran out of memory is tried once more with a larger lease: the declaration was wrong.
 * @returns false if that was tried already, or there is no larger lease
 */
function growLease(tx: Transition, job: Job, worker: Worker): boolean {
  if (job.extras?.hadOutOfMemory === true) return false;
  const grown = raiseFloor(tx, worker);
  if (grown === null) return false;
  extrasOf(job).hadOutOfMemory = true;
  log(tx, "job-out-of-memory", `job ${job.id} ran out of GPU memory ${grown}`, { job, worker });
  if (job.lane.spec.residency === "resident") drain(tx, worker, "out-of-memory");
  enqueue(tx, job);
  return true;
}

/**
 * Makes the next leases of a lane larger, after one of its workers ran out of memory. Jobs that fail together on one
 * worker raise it once.
 * @returns what that comes to, in words; null = this worker had a lease as large as can be
 */
export function raiseFloor(tx: Transition, worker: Worker): string | null {
  const { lane } = worker;
  if (vramOf(lane) === null) return null;
  const held = Math.max(0, ...worker.leases.map((lease) => lease.vramBytes));
  const most = largestLeaseBytes(tx.state, lane);
  if (held >= most) return null;
  const floor = Math.min(most, Math.ceil(held * MEMORY_GROWTH));
  const vramFloorBytes = Math.max(floor, lane.learned.vramFloorBytes ?? 0);
  lane.learned = { ...lane.learned, vramFloorBytes };
  tx.changes.lanes.add(lane);
  const next = Math.min(most, vramOf(lane) ?? most);
  return `with a lease of ${formatBytes(held)}; it is tried once more with ${formatBytes(next)}`;
}

function largestLeaseBytes({ gpus, policy }: State, { spec }: Lane): number {
  let most = 0;
  for (const gpu of gpus.values())
    if (isUsable(gpu) && suits(spec, gpu)) most = Math.max(most, gpu.totalBytes);
  return most - policy.vramReserveBytes;
}

/** Attempts that count against the retries. */
function countedAttempts(job: Job): number {
  return job.attempts - (job.extras?.preemptions ?? 0) - (job.extras?.hadOutOfMemory === true ? 1 : 0);
}

/**
 * A resident worker that dies under a job, or its GPU, is not the job's fault the first time. A command runs as often as it
 * was told.
 */
function allowedRetries(job: Job, outcome: RunOutcome, worker: Worker): number {
  const { retries } = job.terms;
  const isLost = outcome.kind === "lost" || worker.leases.some(({ gpu }) => gpu.quarantine !== null);
  const isForgiven = isLost && job.lane.spec.residency === "resident";
  return isForgiven ? Math.max(retries, 1) : retries;
}

function retryLater(tx: Transition, job: Job, outcome: RunOutcome): void {
  const waitMs = retryWaitMs(job);
  holdJob(tx, job, { ...nothingHeld, untilMs: tx.nowMs + waitMs });
  const why = outcome.message ?? outcome.kind;
  log(tx, "job-retrying", `job ${job.id} is tried again in ${(waitMs / 1000).toFixed(1)} s: ${why}`, { job });
}

/**
 * Doubles from attempt to attempt; half of it is drawn by the job's number, so that jobs which failed together do not
 * come back together ("equal jitter"). Milliseconds.
 */
function retryWaitMs(job: Job): number {
  const { retryDelayMs } = job.terms;
  const fullMs = Math.min(
    Math.max(RETRY_MAX_MS, retryDelayMs),
    retryDelayMs * 2 ** (countedAttempts(job) - 1),
  );
  return Math.round(fullMs * (0.5 + 0.5 * drawOf(job)));
}

/** A number in [0, 1) that only depends on the job and its attempt: the scheduler knows no chance (Knuth, 6.4). */
function drawOf(job: Job): number {
  return (Math.imul(job.id * 31 + job.attempts, 2_654_435_769) >>> 0) / 2 ** 32;
}
