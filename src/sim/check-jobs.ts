import type { Condition, Job } from "../scheduler/job-model.ts";
import type { Changes, JobEnd } from "../scheduler/transition.ts";
import { assert, must } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";
import type { JobRow } from "./mirror.ts";

type AttemptEnd = Changes["attemptsEnded"][number];

/**
 * Checks what a step did to jobs: only legal moves, attempts counted one by one and no more than allowed, ends that
 * agree with what happened in the world, and waits before retries as long as they should be.
 * @throws AssertionFailed naming the job.
 */
export function checkJobs(committed: Committed): void {
  const { changes } = committed.step;
  const touched = new Set<Job>([...changes.jobs, ...changes.ended.map((end) => end.job)]);
  for (const { job } of changes.newJobs) touched.add(job);
  for (const job of touched) checkMove(committed, job);
  for (const end of changes.attemptsEnded) {
    checkAttemptEnd(committed, end);
    checkRetry(committed, end);
  }
  for (const start of changes.attemptsStarted) checkAttemptStart(committed, start.jobId, start.attempt);
  for (const end of changes.ended) checkEnd(committed, end);
}

const onWorker: ReadonlySet<string> = new Set(["starting", "running"]);

/** A job comes to a worker by the start of an attempt and leaves it by the end of one, and in no other way. */
function checkMove({ before, step, state }: Committed, job: Job): void {
  const row = before.jobs.get(job.id);
  assert(row === undefined || row.end === null, `job ${job.id} changes after its end`);
  const was = row?.live.state ?? "new";
  const is = state.jobs.has(job.id) ? job.phase.state : "ended";
  const started = step.changes.attemptsStarted.filter((start) => start.jobId === job.id).length;
  const ended = step.changes.attemptsEnded.filter((end) => end.jobId === job.id).length;
  const left = Number(onWorker.has(was)) + started - ended;
  assert(left === Number(onWorker.has(is)), `job ${job.id} went from ${was} to ${is} without an attempt`);
  assert(was !== "running" || is !== "starting" || started > 0, `job ${job.id} went back to starting`);
}

function checkAttemptEnd({ host }: Committed, end: AttemptEnd): void {
  const name = `attempt ${end.attempt} of job ${end.jobId}`;
  const run = host.runs.get(end.jobId)?.find((candidate) => candidate.attempt === end.attempt);
  if (end.outcome === "not-started")
    return assert(run === undefined, `${name} counts as not started, but it ran`);
  const isStopped = end.outcome === "lost" || end.outcome === "preempted";
  if (run === undefined) return assert(isStopped, `${name} never ran, but it ${end.outcome}`);
  const real = run.outcome?.kind ?? "running";
  assert(real !== "running", `${name} counts as ${end.outcome} while it runs`);
  // Of a run whose end nobody could report any more, the daemon only knows that its worker is gone.
  assert(end.outcome === real || isStopped, `${name} counts as ${end.outcome}, but it ${real}`);
}

function checkAttemptStart(committed: Committed, jobId: number, attempt: number): void {
  const { before, step, state, memory } = committed;
  const job = must(state.jobs.get(jobId), `job ${jobId} starts but is over`);
  assert(!memory.mustCancel.has(jobId), `job ${jobId} was cancelled and runs again`);
  const row = before.jobs.get(jobId);
  const wasHeldByPerson = row?.live.hold?.byPerson === true;
  const wasReleased = step.changes.log.some(
    (entry) => entry.type === "job-released" && entry.jobId === jobId,
  );
  assert(!wasHeldByPerson || wasReleased, `job ${jobId} was held by a person and runs`);
  const outcomes = outcomesOf(row, step.changes.attemptsEnded, jobId);
  assert(attempt === outcomes.size + 1, `job ${jobId} has ${outcomes.size} runs, its next is ${attempt}`);
  const counted = countedAttempts(committed, job, outcomes);
  for (const [index, [number, outcome]] of counted.entries()) {
    const wasSick = memory.sickEnds.has(`${jobId}/${number}`);
    const allowed = retriesAfter(job, outcome, wasSick, ranResident(committed, job, number));
    assert(
      index < allowed,
      `job ${jobId} runs again after attempt ${number} ${outcome}; ${allowed} retries are allowed`,
    );
  }
  checkConditions(committed, jobId);
}

/** All that the job was to wait for has ended as it was to end. */
function checkConditions({ before, step, memory }: Committed, jobId: number): void {
  for (const { jobId: other, condition } of memory.conditions.get(jobId) ?? []) {
    const end = before.jobs.get(other)?.end ?? step.changes.ended.find((each) => each.job.id === other);
    const isMet = end !== undefined && end !== null && meets(condition, end.state);
    assert(isMet, `job ${jobId} runs, but job ${other} is ${end?.state ?? "not over"} and not ${condition}`);
  }
}

function meets(condition: Condition, state: JobEnd["state"]): boolean {
  return condition === "any" || condition === state;
}

/** Outcomes of the attempts that ran, by number, with those that ended in this step. */
function outcomesOf(
  row: JobRow | undefined,
  ended: readonly AttemptEnd[],
  jobId: number,
): Map<number, string> {
  const outcomes = new Map<number, string>();
  for (const [number, attempt] of row?.attempts ?? []) outcomes.set(number, attempt.outcome ?? "running");
  for (const end of ended) if (end.jobId === jobId) outcomes.set(end.attempt, end.outcome);
  for (const [number, outcome] of outcomes) if (outcome === "not-started") outcomes.delete(number);
  return outcomes;
}

/** Attempts that count against the retries: not those that made way, nor one that ran out of memory. */
function countedAttempts(
  committed: Committed,
  job: Job,
  outcomes: ReadonlyMap<number, string>,
): [number, string][] {
  const counted = [...outcomes].filter(([, outcome]) => outcome !== "preempted");
  if (job.extras?.hadOutOfMemory !== true) return counted;
  const didStarve = ([number]: readonly [number, string]): boolean => ranOut(committed, job.id, number);
  // A worker may run out of memory just after a job on it was lost for another reason.
  const surely = counted.findIndex((each) => each[1] !== "lost" && didStarve(each));
  const starved = surely === -1 ? counted.findIndex(didStarve) : surely;
  assert(starved !== -1, `job ${job.id} never ran out of memory`);
  return counted.filter((_, index) => index !== starved);
}

/** Whether the run, or the program that it ran in, ended for want of memory. */
function ranOut({ host, before }: Committed, jobId: number, attempt: number): boolean {
  const run = host.runs.get(jobId)?.find((each) => each.attempt === attempt);
  if (run?.outcome?.cause === "out-of-memory") return true;
  const workerId = before.jobs.get(jobId)?.attempts.get(attempt)?.workerId ?? -1;
  return host.programs.get(workerId)?.exit?.cause === "out-of-memory";
}

/** A retry comes between half of its backoff and all of it: 1, 2, 4 … times the first wait, at most a minute or that. */
function checkRetry(committed: Committed, end: AttemptEnd): void {
  const { state, before, step, events, nowMs } = committed;
  const job = state.jobs.get(end.jobId);
  if (job?.phase.state !== "held" || job.phase.untilMs === null) return;
  if (events.some((event) => event.type === "change-job" && event.jobId === end.jobId)) return;
  const outcomes = outcomesOf(before.jobs.get(job.id), step.changes.attemptsEnded, job.id);
  const { length } = countedAttempts(committed, job, outcomes);
  const { retryDelayMs } = job.terms;
  const fullMs = Math.min(Math.max(60_000, retryDelayMs), retryDelayMs * 2 ** (length - 1));
  const waitMs = job.phase.untilMs - nowMs;
  assert(
    waitMs >= Math.floor(fullMs / 2) && waitMs <= Math.ceil(fullMs),
    `job ${job.id} is tried again in ${waitMs} ms after attempt ${end.attempt}; up to ${fullMs} ms are due`,
  );
}

/** Whether the attempt was on a resident worker: the job may have been given other work since. */
function ranResident({ before, state }: Committed, job: Job, attempt: number): boolean {
  const workerId = before.jobs.get(job.id)?.attempts.get(attempt)?.workerId ?? -1;
  const lane = state.lanes.get(before.workers.get(workerId)?.live.laneKey ?? "") ?? job.lane;
  return lane.spec.residency === "resident";
}

/** @param wasSick the GPU needed a person when the attempt ended */
function retriesAfter(job: Job, outcome: string, wasSick: boolean, isResident: boolean): number {
  if (outcome === "succeeded" || outcome === "running") return 0;
  const isForgiven = (outcome === "lost" || wasSick) && isResident;
  return isForgiven ? Math.max(1, job.terms.retries) : job.terms.retries;
}

function checkEnd(committed: Committed, end: JobEnd): void {
  const { job } = end;
  const outcomes = outcomesOf(
    committed.before.jobs.get(job.id),
    committed.step.changes.attemptsEnded,
    job.id,
  );
  const number = Math.max(0, ...outcomes.keys());
  const last = outcomes.get(number) ?? "none";
  const wasSick = committed.memory.sickEnds.get(`${job.id}/${number}`) === "surely";
  const name = `job ${job.id} ended ${end.state} (${end.reason?.code ?? "no reason"})`;
  switch (end.reason?.code) {
    case undefined:
      return assert(end.state === "succeeded" && last === "succeeded", `${name} after a run that ${last}`);
    case "failed":
    case "out-of-memory":
    case "worker-lost": {
      assert(end.state === "failed" && last !== "succeeded" && last !== "none", `${name} after ${last}`);
      assert(!committed.memory.mustCancel.has(job.id), `${name}, but it was cancelled`);
      const { length } = countedAttempts(committed, job, outcomes);
      return assert(
        length > retriesAfter(job, last, wasSick, ranResident(committed, job, number)),
        `${name} with retries left`,
      );
    }
    case "time-limit":
      return checkTimeLimit(committed, end, name);
    case "deadline":
      return checkDeadline(committed, end, name);
    case "cancelled":
      return assert(committed.memory.mayCancel.has(job.id), `${name}, but nobody asked for it`);
    case "dependency-failed":
      return checkDependency(committed, job, name);
    case "start-failed":
      return assert(end.state === "failed" && last !== "succeeded", `${name} after ${last}`);
    default:
      return assert(false, `${name} for an unknown reason`);
  }
}

function checkTimeLimit({ before }: Committed, end: JobEnd, name: string): void {
  const live = before.jobs.get(end.job.id)?.live;
  // The end may come much later than the decision, under another daemon and by another clock.
  const ranMs = (live?.ending?.sinceMs ?? end.atMs) - (live?.startedAtMs ?? end.atMs);
  assert(end.state === "failed" && end.exitCode === 124, `${name} with exit code ${end.exitCode}`);
  assert(end.job.timeLimitMs !== null && ranMs >= end.job.timeLimitMs, `${name} after ${ranMs} ms`);
}

/** The clock may have been set back since it was decided. */
function checkDeadline({ memory }: Committed, end: JobEnd, name: string): void {
  const deadlineMs = end.job.extras?.deadlineMs ?? null;
  assert(end.state === "failed" && end.exitCode === 124, `${name} with exit code ${end.exitCode}`);
  assert(deadlineMs !== null && deadlineMs <= memory.latestMs, `${name} before its deadline`);
}

function checkDependency({ before, step, memory }: Committed, job: Job, name: string): void {
  const broken = (memory.conditions.get(job.id) ?? []).some(({ jobId, condition }) => {
    const end = step.changes.ended.find((each) => each.job.id === jobId);
    return end !== undefined && !meets(condition, end.state);
  });
  assert(broken, `${name}, but what it waited for came as it was to`);
  const wasHeld = before.jobs.get(job.id)?.live.hold !== null;
  assert(wasHeld, `${name}, but it waited for nothing`);
}
