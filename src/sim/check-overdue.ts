import type { Job } from "../scheduler/job-model.ts";
import type { State, Worker } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import { checkUnused } from "./check-unused.ts";

/**
 * Checks that a step left nothing undone that was due at `nowMs`: holds, conditions, deadlines, time limits, keep-alives,
 * reservations, jobs that do not heed their cancellation, and what a waiting lane could have had (check-unused.ts).
 * @throws AssertionFailed naming what was left.
 */
export function checkOverdue(state: State, nowMs: number): void {
  for (const job of state.jobs.values()) checkJob(state, job, nowMs);
  for (const { id, startAtMs, endAtMs, hasBegun } of state.reservations.values()) {
    assert(endAtMs > nowMs, `reservation ${id} is kept beyond its end`);
    assert(hasBegun || startAtMs > nowMs, `reservation ${id} has not begun when it should`);
  }
  // What changes as jobs are handed out at the end of a step is looked at again in the next millisecond.
  const isLookedAtSoon = state.nextLimitMs <= nowMs + 1;
  if (isLookedAtSoon) return;
  for (const worker of state.workers.values()) checkKeepAlive(worker, nowMs);
  if (!state.stopping) checkUnused(state, nowMs);
}

function checkJob(state: State, job: Job, nowMs: number): void {
  const { phase } = job;
  checkDeadline(job, nowMs);
  if (phase.state === "held") return checkHeld(state, job, nowMs);
  if (phase.state !== "running" || phase.worker.phase.state === "stopping") return;
  if (phase.ending !== null) {
    const patienceMs = job.lane.spec.stopTimeoutMs;
    assert(
      phase.ending.sinceMs + patienceMs > nowMs,
      `job ${job.id} does not heed its end and is left alone`,
    );
  } else if (job.timeLimitMs !== null) {
    assert(phase.startedAtMs + job.timeLimitMs > nowMs, `job ${job.id} runs longer than its time limit`);
  }
}

function checkHeld(state: State, { id, phase }: Job, nowMs: number): void {
  if (phase.state !== "held") return;
  assert(phase.untilMs === null || phase.untilMs > nowMs, `job ${id} is held longer than until its time`);
  for (const other of phase.after.keys())
    assert(state.jobs.has(other), `job ${id} waits for job ${other}, which is over`);
}

function checkDeadline({ id, extras, phase }: Job, nowMs: number): void {
  const deadlineMs = extras?.deadlineMs ?? null;
  if (deadlineMs === null || deadlineMs > nowMs) return;
  const isEnding = phase.state === "running" && phase.ending !== null && phase.ending.how !== "preempted";
  assert(isEnding, `job ${id} is ${phase.state} though its deadline is past`);
}

function checkKeepAlive({ phase, jobs, pinned, lane, name }: Worker, nowMs: number): void {
  if (phase.state !== "ready" && phase.state !== "asleep") return;
  if (jobs.size > 0 || pinned || lane.spec.keepAliveMs === null) return;
  if (lane.spec.residency === "one-shot" || lane.spec.minReplicas > 0) return;
  const keptMs = lane.spec.keepAliveMs * (phase.state === "asleep" ? 4 : 1);
  const isOver = phase.idleSinceMs + keptMs < nowMs;
  assert(!isOver || lane.queue.size > 0, `${name} is idle for longer than its keep-alive`);
}
