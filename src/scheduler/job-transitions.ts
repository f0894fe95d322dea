import { assert } from "../std/assert.ts";
import { changeUse, countJob, gpuShareOf } from "./accounts.ts";
import { enterArray, takeNext } from "./arrays.ts";
import { withArrival } from "./arrivals.ts";
import { urgentAtMs } from "./estimate.ts";
import { forgetEta, learnEta } from "./eta.ts";
import type { Dependency, NewJob } from "./events.ts";
import { isOverdue } from "./idle.ts";
import { createJob, QUEUED } from "./job.ts";
import { cancelledEnd, type End, isMet, unmet } from "./job-ends.ts";
import type { Condition, Extras, HoldPhase, Job, JobArray } from "./job-model.ts";
import type { Lane, State, Worker } from "./model.ts";
import { laneFor } from "./state.ts";
import { leaveTerms, termsFor } from "./terms.ts";
import { type AttemptOutcome, log, type Transition } from "./transition.ts";

export const nothingHeld: HoldPhase = {
  state: "held",
  byPerson: false,
  after: new Map(),
  untilMs: null,
  byArray: false,
};

/** What a new job belongs to. `arrayId` is set for jobs of any array, `array` for one with a limit. */
export interface Origin {
  readonly array: JobArray | null;
  readonly arrayId: number | null;
  readonly scheduleId: number | null;
}

/** Takes a new job in: queued, or held until nothing is left that holds it. */
export function addJob(tx: Transition, asked: NewJob, { array, arrayId, scheduleId }: Origin): Job {
  const { lane, isNew } = laneFor(tx.state, asked.lane);
  if (isNew) tx.changes.lanes.add(lane);
  const { deadlineMs } = asked;
  const job = createJob({
    id: tx.state.nextJobId++,
    terms: termsFor(tx.state, lane, asked),
    submittedAtMs: tx.nowMs,
    attempts: 0,
    extras: deadlineMs === null && array === null ? null : { ...noExtras, deadlineMs, array },
  });
  tx.state.jobs.set(job.id, job);
  tx.state.firstArrivalMs = Math.min(tx.state.firstArrivalMs, tx.nowMs);
  lane.arrivals = withArrival(lane.arrivals, tx.nowMs, tx.state.firstArrivalMs);
  countJob(job, 1, 0);
  tx.changes.newJobs.push({
    job,
    payload: asked.payload,
    after: asked.after.map((entry) => entry.jobId),
    arrayId,
    scheduleId,
  });
  if (deadlineMs !== null) watchDeadline(tx, job, deadlineMs);
  const after = liveConditions(tx, asked.after);
  const untilMs = asked.notBeforeMs !== null && asked.notBeforeMs > tx.nowMs ? asked.notBeforeMs : null;
  if (asked.hold || after.size > 0 || untilMs !== null) {
    holdJob(tx, job, { state: "held", byPerson: asked.hold, after, untilMs, byArray: false });
  } else {
    enqueue(tx, job);
  }
  log(tx, "job-submitted", `job ${job.id} submitted to ${lane.spec.title}${labelsOf(asked)}`, { job });
  return job;
}

/** " (run=7, team=vision)", or nothing without labels. */
function labelsOf({ payload }: NewJob): string {
  const pairs = Object.entries(payload.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "" : ` (${pairs.join(", ")})`;
}

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

function watchDeadline(tx: Transition, job: Job, deadlineMs: number): void {
  tx.state.deadlines.add({ atMs: urgentAtMs(tx.state, job, deadlineMs), kind: "deadline", id: job.id });
  tx.state.deadlines.add({ atMs: deadlineMs, kind: "deadline", id: job.id });
}

function liveConditions(tx: Transition, after: readonly Dependency[]): Map<number, Condition> {
  const live = new Map<number, Condition>();
  for (const entry of after)
    if (outcomeNow(tx, entry) === "live")
      live.set(entry.jobId, stricter(live.get(entry.jobId), entry.condition));
  return live;
}

function stricter(known: Condition | undefined, condition: Condition): Condition {
  return known === undefined || known === "any" ? condition : known;
}

/** How a dependency stands: it may have ended in this very step, after the caller looked. */
export function outcomeNow(tx: Transition, dependency: Dependency): Dependency["outcome"] {
  if (dependency.outcome !== "live" || tx.state.jobs.has(dependency.jobId)) return dependency.outcome;
  const end = tx.changes.ended.find((entry) => entry.job.id === dependency.jobId);
  assert(end, `job ${dependency.jobId} is neither live nor just ended`);
  return end.state;
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
  const phase: HoldPhase = { ...job.phase, ...left };
  const isFree = !phase.byPerson && phase.after.size === 0 && phase.untilMs === null && !phase.byArray;
  if (isFree) {
    const why = whyFree(job, job.phase);
    enqueue(tx, job);
    if (job.phase === QUEUED) log(tx, "job-queued", `job ${job.id} is queued: ${why}`, { job });
  } else {
    job.phase = phase;
    tx.changes.jobs.add(job);
  }
}

/** What has kept a job until now, in words. */
function whyFree(job: Job, { byPerson, after, untilMs, byArray }: HoldPhase): string {
  if (after.size > 0) return "what it waited for has ended";
  if (untilMs !== null) return job.attempts > 0 ? "it may be tried again" : "it may begin";
  if (byArray) return "there is room for it in its array";
  return byPerson ? "nobody holds it any more" : "nothing holds it any more";
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

/** Writes a job's end, and lets go or cancels the jobs that waited for it. */
export function endJob(tx: Transition, job: Job, end: End): void {
  const work: { job: Job; end: End }[] = [{ job, end }];
  for (let next = work.pop(); next; next = work.pop()) {
    finish(tx, next.job, next.end);
    for (const dependent of takeDependents(tx, next.job)) {
      if (dependent.phase.state !== "held") continue;
      const condition = dependent.phase.after.get(next.job.id) ?? "any";
      if (isMet(condition, next.end.state)) {
        const after = new Map(dependent.phase.after);
        after.delete(next.job.id);
        releaseHold(tx, dependent, { after });
      } else {
        work.push({ job: dependent, end: { ...cancelledEnd, reason: unmet(next.job, condition, next.end) } });
      }
    }
  }
}

function finish(tx: Transition, job: Job, end: End): void {
  if (job.phase.state === "queued") unqueue(tx, job);
  if (job.phase.state === "held") forgetHold(tx, job);
  tx.state.jobs.delete(job.id);
  forgetEta(tx.state, job.id);
  tx.changes.jobs.delete(job);
  tx.changes.ended.push({ ...end, job, atMs: tx.nowMs });
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
