import { unreachable } from "../std/assert.ts";
import type { Deadline } from "./deadlines.ts";
import { lookAgainBy, releaseHold } from "./job-transitions.ts";
import type { Job, Worker } from "./model.ts";
import { endEarly } from "./requests.ts";
import type { Transition } from "./transition.ts";
import { stop } from "./worker-transitions.ts";

/** Does what has come due by now. A deadline that no longer means anything is dropped. */
export function applyDue(tx: Transition): void {
  for (let due = tx.state.deadlines.takeDue(tx.nowMs); due; due = tx.state.deadlines.takeDue(tx.nowMs)) {
    applyDeadline(tx, due);
  }
  if (tx.nowMs >= tx.state.nextLimitMs) applyLimits(tx);
}

/** When the loop has to wake up though nothing happens; undefined = never. */
export function wakeAtMs(tx: Transition): number | undefined {
  const next = Math.min(tx.state.deadlines.nextAtMs() ?? Number.POSITIVE_INFINITY, tx.state.nextLimitMs);
  return Number.isFinite(next) ? next : undefined;
}

function applyDeadline(tx: Transition, due: Deadline): void {
  switch (due.kind) {
    case "hold": {
      const job = typeof due.id === "number" ? tx.state.jobs.get(due.id) : undefined;
      if (job?.phase.state !== "held" || job.phase.untilMs === null || job.phase.untilMs > tx.nowMs) return;
      return releaseHold(tx, job, { untilMs: null });
    }
    case "lane-retry":
      return; // Waking up was the point: the plan sees that the lane may be tried again.
    default:
      return unreachable(due.kind);
  }
}

/** Looks at every running job and idle worker: their number is bounded by the host, not by the queue. */
function applyLimits(tx: Transition): void {
  tx.state.nextLimitMs = Number.POSITIVE_INFINITY;
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
  const { keepAliveMs } = worker.lane.spec;
  if (worker.phase.state !== "ready" || worker.jobs.size > 0 || worker.pinned || keepAliveMs === null) return;
  const stopAtMs = worker.phase.idleSinceMs + keepAliveMs;
  if (stopAtMs > tx.nowMs) lookAgainBy(tx.state, stopAtMs);
  else if (worker.lane.queue.size === 0 || tx.state.stopping) stop(tx, worker, "idle");
  else lookAgainBy(tx.state, tx.nowMs + 1); // The plan gives it a job, unless another worker of its lane takes it.
}
