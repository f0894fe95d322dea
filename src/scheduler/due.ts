import { unreachable } from "../std/assert.ts";
import type { Deadline } from "./deadlines.ts";
import { endEarly } from "./end-early.ts";
import { urgentAtMs } from "./estimate.ts";
import { isHome } from "./home.ts";
import { isKeptBack, isWanted, keptUntilMs } from "./idle.ts";
import { missedDeadline } from "./job-ends.ts";
import type { Job } from "./job-model.ts";
import {
  endJob,
  enqueue,
  extrasOf,
  lookAgainBy,
  releaseHold,
  settleOwed,
  unqueue,
} from "./job-transitions.ts";
import type { Worker } from "./model.ts";
import { applyReservationDue } from "./reservations.ts";
import { applyScheduleDue } from "./schedules.ts";
import { isWakeable } from "./sleep.ts";
import type { Transition } from "./transition.ts";
import { retire, settleIdle, stop } from "./worker-transitions.ts";

/**
 * Does what has come due by now, as far as this slice of the step goes. A deadline that no longer means anything is dropped.
 * @returns whether nothing is left
 */
export function applyDue(tx: Transition): boolean {
  settleOwed(tx);
  while (tx.left > 0) {
    const due = tx.state.deadlines.takeDue(tx.nowMs);
    if (due === undefined) break;
    tx.left -= 1;
    applyDeadline(tx, due);
  }
  if (tx.left <= 0 && (tx.state.deadlines.nextAtMs() ?? Number.POSITIVE_INFINITY) <= tx.nowMs) return false;
  if (tx.owed.length === 0 && tx.nowMs >= tx.state.nextLimitMs) applyLimits(tx);
  return tx.owed.length === 0;
}

/** When the loop has to wake up though nothing happens; undefined = never. */
export function wakeAtMs(tx: Transition): number | undefined {
  const next = Math.min(tx.state.deadlines.nextAtMs() ?? Number.POSITIVE_INFINITY, tx.state.nextLimitMs);
  // Whole milliseconds: a timer that goes off a fraction too early would find nothing due.
  return Number.isFinite(next) ? Math.ceil(next) : undefined;
}

function applyDeadline(tx: Transition, due: Deadline): void {
  switch (due.kind) {
    case "hold": {
      const job = typeof due.id === "number" ? tx.state.jobs.get(due.id) : undefined;
      if (job?.phase.state !== "held" || job.phase.untilMs === null || job.phase.untilMs > tx.nowMs) return;
      return releaseHold(tx, job, { untilMs: null });
    }
    case "deadline": {
      const job = typeof due.id === "number" ? tx.state.jobs.get(due.id) : undefined;
      return job && applyDeadlineOf(tx, job);
    }
    case "plan":
      tx.needsPlan = true; // Waking up was the point: what kept a lane waiting is over.
      return;
    case "schedule":
      return applyScheduleDue(tx, Number(due.id));
    case "reservation":
      return applyReservationDue(tx, Number(due.id));
    default:
      return unreachable(due.kind);
  }
}

/** Near its deadline a job goes before its equals; at its deadline it is given up. */
function applyDeadlineOf(tx: Transition, job: Job): void {
  const deadlineMs = job.extras?.deadlineMs ?? null;
  if (deadlineMs === null) return;
  if (deadlineMs > tx.nowMs) return makeUrgent(tx, job, deadlineMs);
  if (job.phase.state === "held" || job.phase.state === "queued")
    endJob(tx, job, missedDeadline("it had not started by its deadline"));
  else endEarly(tx, job, "deadline");
}

function makeUrgent(tx: Transition, job: Job, deadlineMs: number): void {
  if (job.extras?.isUrgent === true) return;
  const urgentMs = urgentAtMs(tx.state, job, deadlineMs);
  if (urgentMs > tx.nowMs) {
    // The deadline was moved, or less time is needed than was thought.
    tx.state.deadlines.add({ atMs: urgentMs, kind: "deadline", id: job.id });
    return;
  }
  const { waitingSinceMs } = job.lane;
  const isQueued = job.phase.state === "queued";
  if (isQueued) unqueue(tx, job);
  extrasOf(job).isUrgent = true;
  tx.changes.jobs.add(job);
  if (isQueued) enqueue(tx, job);
  job.lane.waitingSinceMs = waitingSinceMs; // It only changed its place.
}

/** Looks at every running job and idle worker: their number is bounded by the host, not by the queue. */
function applyLimits(tx: Transition): void {
  tx.state.nextLimitMs = Number.POSITIVE_INFINITY;
  tx.needsPlan = true;
  for (const worker of [...tx.state.workers.values()]) {
    for (const job of [...worker.jobs]) applyJobLimit(tx, job);
    applyKeepAlive(tx, worker);
  }
}

function applyJobLimit(tx: Transition, job: Job): void {
  const { phase } = job;
  if (phase.state !== "running" || phase.worker.phase.state === "stopping") return;
  if (phase.ending !== null) {
    const killAtMs = phase.ending.sinceMs + phase.worker.lane.spec.stopTimeoutMs;
    if (killAtMs <= tx.nowMs) stop(tx, phase.worker, "job-stuck");
    else lookAgainBy(tx.state, killAtMs);
  } else if (job.timeLimitMs !== null) {
    const endAtMs = phase.startedAtMs + job.timeLimitMs;
    if (endAtMs <= tx.nowMs) endEarly(tx, job, "time-limit");
    else lookAgainBy(tx.state, endAtMs);
  }
}

function applyKeepAlive(tx: Transition, worker: Worker): void {
  // What it was finishing were requests, which a restart forgets.
  if (worker.phase.state === "draining" && worker.jobs.size === 0) return settleIdle(tx, worker);
  // Its owner has declared its lane anew meanwhile.
  if (worker.phase.state === "asleep" && !isWakeable(worker)) return stop(tx, worker, "switched");
  const untilMs = keptUntilMs(worker);
  if (untilMs === null || worker.pinned) return;
  if (isHome(worker) && !tx.state.stopping) return;
  if (untilMs > tx.nowMs) lookAgainBy(tx.state, untilMs);
  else if (!isWanted(worker) || isKeptBack(worker) || tx.state.stopping) retire(tx, worker, "idle");
  // The plan gives it a job, unless another worker takes it or something keeps it back: the longer, the less often one looks.
  else lookAgainBy(tx.state, tx.nowMs + Math.max(1, tx.nowMs - untilMs));
}
