import { assert } from "../std/assert.ts";
import type { Dependency, NewJob, RunOutcome } from "./events.ts";
import type { Ending, HoldPhase, Job, Lane, State, Worker } from "./model.ts";
import { laneFor } from "./state.ts";
import { type JobEnd, log, type Transition } from "./transition.ts";

/** Shared by all queued jobs: a million of them need not have one each. */
export const QUEUED = { state: "queued" } as const;

/** Takes a new job in: queued, or held until what it waits for is done. */
export function addJob(tx: Transition, asked: NewJob): Job {
  const { lane, isNew } = laneFor(tx.state, asked.lane);
  if (isNew) tx.changes.lanes.add(lane);
  const job: Job = {
    id: tx.state.nextJobId++,
    lane,
    priority: asked.priority,
    submittedAtMs: tx.nowMs,
    retries: asked.retries,
    timeLimitMs: asked.timeLimitMs,
    attempts: 0,
    phase: QUEUED,
  };
  tx.state.jobs.set(job.id, job);
  const after = asked.after.filter((entry) => outcomeNow(tx, entry) === "live").map((entry) => entry.jobId);
  tx.changes.newJobs.push({ job, payload: asked.payload, after: asked.after.map((entry) => entry.jobId) });
  if (asked.hold || after.length > 0) {
    holdJob(tx, job, { state: "held", byPerson: asked.hold, after: new Set(after), untilMs: null });
  } else {
    enqueue(tx, job);
  }
  log(tx, "job-submitted", `job ${job.id} submitted to ${lane.spec.title}`, { job });
  return job;
}

/** How a dependency stands: it may have ended in this very step, after the caller looked. */
export function outcomeNow(tx: Transition, dependency: Dependency): Dependency["outcome"] {
  if (dependency.outcome !== "live" || tx.state.jobs.has(dependency.jobId)) return dependency.outcome;
  const end = tx.changes.ended.find((entry) => entry.job.id === dependency.jobId);
  assert(end, `job ${dependency.jobId} is neither live nor just ended`);
  return end.state;
}

/** Puts a job that nothing holds any more into its lane. */
export function enqueue(tx: Transition, job: Job): void {
  const { lane } = job;
  if (lane.queue.size === 0 && lane.summons === null)
    lane.waitingSinceMs = Math.max(lane.waitingSinceMs, tx.nowMs);
  lane.queue.add(job.id, job.priority);
  tx.state.waiting.add(lane);
  job.phase = QUEUED;
  tx.changes.jobs.add(job);
}

/** Takes a queued job out of its lane. */
export function unqueue(tx: Transition, job: Job): void {
  const removed = job.lane.queue.remove(job.id, job.priority);
  assert(removed, `job ${job.id} is queued but not in its lane`);
  settleWaiting(tx, job.lane);
}

/** A lane nobody waits in any more leaves the plan. */
export function settleWaiting(tx: Transition, lane: Lane): void {
  if (lane.queue.size === 0 && lane.summons === null) tx.state.waiting.delete(lane);
}

/** Holds a job that is in no lane, for the reasons in `phase`. */
export function holdJob(tx: Transition, job: Job, phase: HoldPhase): void {
  for (const id of phase.after) {
    const others = tx.state.dependents.get(id) ?? new Set();
    tx.state.dependents.set(id, others.add(job));
  }
  if (phase.untilMs !== null) tx.state.deadlines.add({ atMs: phase.untilMs, kind: "hold", id: job.id });
  job.phase = phase;
  tx.changes.jobs.add(job);
}

/** Queues a held job once nothing is left that holds it. */
export function releaseHold(tx: Transition, job: Job, left: Partial<Omit<HoldPhase, "state">>): void {
  assert(job.phase.state === "held", `job ${job.id} is not held`);
  const phase: HoldPhase = { ...job.phase, ...left };
  if (!phase.byPerson && phase.after.size === 0 && phase.untilMs === null) enqueue(tx, job);
  else {
    job.phase = phase;
    tx.changes.jobs.add(job);
  }
}

/** Records a new attempt of a job that leaves its queue for `worker`. */
export function beginAttempt(tx: Transition, job: Job, worker: Worker): void {
  assert(job.phase.state === "queued", `job ${job.id} is ${job.phase.state}, not queued`);
  unqueue(tx, job);
  job.lane.waitingSinceMs = tx.nowMs;
  job.attempts += 1;
  worker.jobs.add(job);
  tx.changes.jobs.add(job);
  tx.changes.attemptsStarted.push({ jobId: job.id, attempt: job.attempts, worker, atMs: tx.nowMs });
}

/** The job's program runs, or its worker has it in hand. */
export function markRunning(tx: Transition, job: Job, worker: Worker): void {
  job.phase = { state: "running", worker, startedAtMs: tx.nowMs, ending: null };
  tx.changes.jobs.add(job);
  if (job.timeLimitMs !== null) lookAgainBy(tx.state, tx.nowMs + job.timeLimitMs);
  log(tx, "job-started", `job ${job.id} runs on ${worker.name}`, { job, worker });
}

/** Makes sure that the limits are looked at no later than this. */
export function lookAgainBy(state: State, atMs: number): void {
  state.nextLimitMs = Math.min(state.nextLimitMs, atMs);
}

/** Ends the current attempt and takes the job off its worker. */
export function endAttempt(
  tx: Transition,
  job: Job,
  outcome: RunOutcome["kind"] | "not-started",
  exitCode: number | null,
): void {
  assert(
    job.phase.state === "running" || job.phase.state === "starting",
    `job ${job.id} has no attempt to end`,
  );
  job.phase.worker.jobs.delete(job);
  tx.changes.attemptsEnded.push({ jobId: job.id, attempt: job.attempts, outcome, exitCode, atMs: tx.nowMs });
  if (outcome === "not-started") job.attempts -= 1;
}

/** Writes a job's end, and lets go or cancels the jobs that waited for it. */
export function endJob(tx: Transition, job: Job, end: Omit<JobEnd, "job" | "atMs">): void {
  const work: { job: Job; end: Omit<JobEnd, "job" | "atMs"> }[] = [{ job, end }];
  for (let next = work.pop(); next; next = work.pop()) {
    finish(tx, next.job, next.end);
    for (const dependent of takeDependents(tx, next.job)) {
      if (dependent.phase.state !== "held") continue;
      if (next.end.state === "succeeded") {
        const after = new Set(dependent.phase.after);
        after.delete(next.job.id);
        releaseHold(tx, dependent, { after });
      } else {
        const text = `job ${next.job.id}, which it waited for, ${next.end.state === "failed" ? "failed" : "was cancelled"}`;
        const reason = { code: "dependency-failed", text };
        work.push({ job: dependent, end: { ...cancelledEnd, reason } });
      }
    }
  }
}

export const cancelledEnd = { state: "cancelled", exitCode: null, output: null, artifacts: null } as const;

/** How a job ends that was stopped before its time. */
export function endingOf(ending: Ending, timeLimitMs: number | null): Omit<JobEnd, "job" | "atMs"> {
  if (ending === "cancelled")
    return { ...cancelledEnd, reason: { code: "cancelled", text: "cancelled on request" } };
  const text = `it ran longer than its time limit of ${(timeLimitMs ?? 0) / 1000} s`;
  return { ...cancelledEnd, state: "failed", exitCode: 124, reason: { code: "time-limit", text } };
}

function finish(tx: Transition, job: Job, end: Omit<JobEnd, "job" | "atMs">): void {
  if (job.phase.state === "queued") unqueue(tx, job);
  if (job.phase.state === "held") forgetHold(tx, job);
  tx.state.jobs.delete(job.id);
  tx.changes.jobs.delete(job);
  tx.changes.ended.push({ ...end, job, atMs: tx.nowMs });
  const why = end.reason === null ? "" : `: ${end.reason.text}`;
  log(tx, `job-${end.state}`, `job ${job.id} ${end.state}${why}`, { job });
}

function forgetHold(tx: Transition, job: Job): void {
  assert(job.phase.state === "held", `job ${job.id} is not held`);
  for (const id of job.phase.after) {
    const others = tx.state.dependents.get(id);
    others?.delete(job);
    if (others?.size === 0) tx.state.dependents.delete(id);
  }
}

function takeDependents(tx: Transition, job: Job): readonly Job[] {
  const waiting = tx.state.dependents.get(job.id);
  tx.state.dependents.delete(job.id);
  return waiting ? [...waiting] : [];
}
