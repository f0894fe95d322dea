import { assert } from "../std/assert.ts";
import { changeUse, countJob, gpuShareOf } from "./accounts.ts";
import { enterArray, takeNext } from "./arrays.ts";
import { forgetEta, learnEta } from "./eta.ts";
import { logFreed } from "./hold-text.ts";
import { isOverdue } from "./idle.ts";
import { QUEUED } from "./job.ts";
import { cancelledEnd, type End, isMet, unmet } from "./job-ends.ts";
import type { Extras, HoldPhase, Job } from "./job-model.ts";
import type { Lane, State, Worker } from "./model.ts";
import { leaveTerms } from "./terms.ts";
import { type AttemptOutcome, log, type Owed, type Transition } from "./transition.ts";

export const nothingHeld: HoldPhase = {
  state: "held",
  byPerson: false,
  after: new Map(),
  untilMs: null,
  byArray: false,
};

export const noExtras: Extras = {
  deadlineMs: null,
  array: null,
  isUrgent: false,
  hadOutOfMemory: false,
  isSuspect: false,
  preemptions: 0,
};

/** The job's own extras, made when it needs some. */
export function extrasOf(job: Job): Extras {
  job.extras ??= { ...noExtras };
  return job.extras;
}

/** Puts a job that nothing holds any more into its lane, unless its array has enough of them there. */
export function enqueue(tx: Transition, job: Job): void {
  if (!enterArray(job)) return holdJob(tx, job, { ...nothingHeld, byArray: true });
  const { lane } = job;
  const wasEmpty = lane.queue.size === 0;
  if (wasEmpty && lane.summons === null) lane.waitingSinceMs = Math.max(lane.waitingSinceMs, tx.nowMs);
  // One more job like those that wait already changes nothing about what can be done now.
  if (lane.queue.add(job)) tx.needsPlan = true;
  tx.state.waiting.add(lane);
  job.phase = QUEUED;
  tx.changes.jobs.add(job);
  tx.touched.add(lane);
}

/** Takes a queued job out of its lane. */
export function unqueue(tx: Transition, job: Job): void {
  const removed = job.lane.queue.remove(job);
  assert(removed, `job ${job.id} is queued but not in its lane`);
  settleWaiting(tx, job.lane);
}

/** A lane nobody waits in any more leaves the plan. */
export function settleWaiting(tx: Transition, lane: Lane): void {
  tx.needsPlan = true;
  if (lane.queue.size > 0) return;
  if (lane.summons === null) tx.state.waiting.delete(lane);
  for (const worker of lane.workers) if (isOverdue(worker, tx.nowMs)) lookAgainBy(tx.state, tx.nowMs);
}

/** Holds a job that is in no lane, for the reasons in `phase`. */
export function holdJob(tx: Transition, job: Job, phase: HoldPhase): void {
  for (const id of phase.after.keys()) {
    const others = tx.state.dependents.get(id) ?? new Set();
    tx.state.dependents.set(id, others.add(job));
  }
  if (phase.untilMs !== null) tx.state.deadlines.add({ atMs: phase.untilMs, kind: "hold", id: job.id });
  // Most holds wait for no other job: they share one empty map.
  job.phase = phase.after.size === 0 ? { ...phase, after: nothingHeld.after } : phase;
  tx.changes.jobs.add(job);
  if (!phase.byArray) leaveArray(tx, job);
}

/** The job is over or held for some other reason: the next of its array may go. */
function leaveArray(tx: Transition, job: Job): void {
  const array = job.extras?.array ?? null;
  if (array === null || !array.active.delete(job.id)) return;
  for (let id = takeNext(array); id !== undefined; id = takeNext(array)) {
    const next = tx.state.jobs.get(id);
    if (next?.phase.state === "held") releaseHold(tx, next, { byArray: false });
  }
}

/** Queues a held job once nothing is left that holds it. */
export function releaseHold(tx: Transition, job: Job, left: Partial<Omit<HoldPhase, "state">>): void {
  assert(job.phase.state === "held", `job ${job.id} is not held`);
  const phaseBefore = job.phase;
  const phase: HoldPhase = { ...phaseBefore, ...left };
  const isFree = !phase.byPerson && phase.after.size === 0 && phase.untilMs === null && !phase.byArray;
  if (isFree) {
    enqueue(tx, job);
    logFreed(tx, job, phaseBefore);
  } else {
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
  countJob(job, -1, 1);
  charge(tx, job, gpuShareOf(worker));
  tx.changes.jobs.add(job);
  tx.changes.attemptsStarted.push({ jobId: job.id, attempt: job.attempts, worker, atMs: tx.nowMs });
}

function charge(tx: Transition, job: Job, gpus: number): void {
  if (gpus === 0) return;
  for (const account of job.terms.accounts) {
    changeUse(tx.state.policy, account, gpus, tx.nowMs);
    tx.changes.accounts.add(account);
  }
}

/** The job's program runs, or its worker has it in hand. */
export function markRunning(tx: Transition, job: Job, worker: Worker): void {
  learnEta(tx, job);
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
export function endAttempt(tx: Transition, job: Job, outcome: AttemptOutcome, exitCode: number | null): void {
  assert(
    job.phase.state === "running" || job.phase.state === "starting",
    `job ${job.id} has no attempt to end`,
  );
  const { worker } = job.phase;
  worker.jobs.delete(job);
  countJob(job, 1, -1);
  charge(tx, job, -gpuShareOf(worker));
  tx.needsPlan = true;
  tx.changes.attemptsEnded.push({ jobId: job.id, attempt: job.attempts, outcome, exitCode, atMs: tx.nowMs });
  if (outcome === "not-started") job.attempts -= 1;
}

/** Writes a job's end, and lets go or cancels the jobs that waited for it: at once, as far as this slice of the step goes. */
export function endJob(tx: Transition, job: Job, end: End): void {
  finish(tx, job, end);
  oweDependents(tx, job, end);
  settleOwed(tx);
}

/** Goes on with what ends still have to bring about, as far as this slice of the step goes. */
export function settleOwed(tx: Transition): void {
  while (tx.left > 0) {
    const owed = tx.owed.at(-1);
    if (owed === undefined) return;
    if (owed.dependents !== null) settleDependents(tx, owed, owed.dependents);
    else {
      tx.owed.pop();
      tx.left -= 1;
      if (!isWaiting(tx, owed.job)) continue;
      finish(tx, owed.job, owed.end);
      oweDependents(tx, owed.job, owed.end);
    }
  }
}

function oweDependents(tx: Transition, job: Job, end: End): void {
  const dependents = takeDependents(tx, job);
  if (dependents.length > 0) tx.owed.push({ job, end, dependents, next: 0, ends: [] });
}

/** Looks at jobs that waited for one which has ended. */
function settleDependents(tx: Transition, owed: Owed, dependents: readonly Job[]): void {
  const { job, end, ends } = owed;
  for (; owed.next < dependents.length && tx.left > 0; owed.next += 1) {
    tx.left -= 1;
    const dependent = dependents[owed.next];
    if (dependent?.phase.state !== "held" || !isWaiting(tx, dependent)) continue;
    const condition = dependent.phase.after.get(job.id) ?? "any";
    if (isMet(condition, end.state)) {
      const after = new Map(dependent.phase.after);
      after.delete(job.id);
      releaseHold(tx, dependent, { after });
    } else {
      const reason = unmet(job, condition, end);
      ends.push({ job: dependent, end: { ...cancelledEnd, reason }, dependents: null, next: 0, ends: [] });
    }
  }
  if (owed.next < dependents.length) return;
  tx.owed.pop();
  tx.owed.push(...ends);
}

/** It has not ended by other means since it was said what becomes of it. */
function isWaiting(tx: Transition, job: Job): boolean {
  return tx.state.jobs.get(job.id) === job && job.phase.state === "held";
}

function finish(tx: Transition, job: Job, end: End): void {
  if (job.phase.state === "queued") unqueue(tx, job);
  if (job.phase.state === "held") forgetHold(tx, job);
  tx.state.jobs.delete(job.id);
  forgetEta(tx.state, job.id);
  tx.changes.jobs.delete(job);
  tx.changes.ended.push({ job, atMs: tx.nowMs, ...end });
  countJob(job, -1, 0);
  leaveTerms(tx.state, job.terms);
  const why = end.reason === null ? "" : `: ${end.reason.text}`;
  log(tx, `job-${end.state}`, `job ${job.id} ${end.state}${why}`, { job });
  job.extras?.array?.waiting.delete(job.id);
  leaveArray(tx, job);
}

function forgetHold(tx: Transition, job: Job): void {
  assert(job.phase.state === "held", `job ${job.id} is not held`);
  for (const id of job.phase.after.keys()) {
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
