import type { Job, Lane, State } from "../scheduler/model.ts";
import type { Changes, JobEnd } from "../scheduler/transition.ts";
import { assert, must } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";
import type { JobRow } from "./mirror.ts";

type AttemptEnd = Changes["attemptsEnded"][number];

/**
 * Checks what a step did to jobs: only legal moves, attempts counted one by one and no more than allowed, ends that
 * agree with what happened in the world, and the best waiting job of a lane taken first.
 * @throws AssertionFailed naming the job.
 */
export function checkJobs(committed: Committed): void {
  const { changes } = committed.step;
  const touched = new Set<Job>([...changes.jobs, ...changes.ended.map((end) => end.job)]);
  for (const { job } of changes.newJobs) touched.add(job);
  for (const job of touched) checkMove(committed, job);
  for (const end of changes.attemptsEnded) checkAttemptEnd(committed, end);
  for (const start of changes.attemptsStarted) checkAttemptStart(committed, start.jobId, start.attempt);
  for (const end of changes.ended) checkEnd(committed, end);
  checkOrder(committed.state, changes);
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
  if (run === undefined) return assert(end.outcome === "lost", `${name} never ran, but it ${end.outcome}`);
  const real = run.outcome?.kind ?? "running";
  assert(real !== "running", `${name} counts as ${end.outcome} while it runs`);
  // Of a run whose end nobody could report any more, the daemon only knows that its worker is gone.
  assert(end.outcome === real || end.outcome === "lost", `${name} counts as ${end.outcome}, but it ${real}`);
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
  for (const [number, outcome] of outcomes) {
    const allowed = retriesAfter(job, outcome);
    assert(
      number <= allowed,
      `job ${jobId} runs again after attempt ${number} ${outcome}; ${allowed} retries are allowed`,
    );
  }
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

function retriesAfter(job: Job, outcome: string): number {
  if (outcome === "succeeded" || outcome === "running") return 0;
  const isForgiven = outcome === "lost" && job.lane.spec.residency === "resident";
  return isForgiven ? Math.max(1, job.retries) : job.retries;
}

function checkEnd(committed: Committed, end: JobEnd): void {
  const { job } = end;
  const outcomes = outcomesOf(
    committed.before.jobs.get(job.id),
    committed.step.changes.attemptsEnded,
    job.id,
  );
  const last = outcomes.get(Math.max(0, ...outcomes.keys())) ?? "none";
  const name = `job ${job.id} ended ${end.state} (${end.reason?.code ?? "no reason"})`;
  switch (end.reason?.code) {
    case undefined:
      return assert(end.state === "succeeded" && last === "succeeded", `${name} after a run that ${last}`);
    case "failed":
    case "worker-lost": {
      assert(end.state === "failed" && last !== "succeeded" && last !== "none", `${name} after ${last}`);
      assert(!committed.memory.mustCancel.has(job.id), `${name}, but it was cancelled`);
      return assert(outcomes.size > retriesAfter(job, last), `${name} with retries left`);
    }
    case "time-limit":
      return checkTimeLimit(committed, end, name);
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
  const startedAtMs = before.jobs.get(end.job.id)?.live.startedAtMs ?? end.atMs;
  const ranMs = end.atMs - startedAtMs;
  assert(end.state === "failed" && end.exitCode === 124, `${name} with exit code ${end.exitCode}`);
  assert(end.job.timeLimitMs !== null && ranMs >= end.job.timeLimitMs, `${name} after ${ranMs} ms`);
}

function checkDependency({ before, step }: Committed, job: Job, name: string): void {
  const isNew = step.changes.newJobs.find((entry) => entry.job === job);
  const after = isNew?.after ?? before.jobs.get(job.id)?.live.hold?.after ?? [];
  const broken = step.changes.ended.some((end) => after.includes(end.job.id) && end.state !== "succeeded");
  assert(broken, `${name}, but what it waited for did not fail`);
}

/** Whatever started must rank before all that still waits in its lane: higher priority, then older. */
function checkOrder(state: State, changes: Changes): void {
  const started = new Map<Lane, Job[]>();
  for (const { jobId } of changes.attemptsStarted) {
    const job = must(state.jobs.get(jobId), `job ${jobId} starts but is over`);
    started.set(job.lane, [...(started.get(job.lane) ?? []), job]);
  }
  if (started.size === 0) return;
  for (const waiting of state.jobs.values()) {
    if (waiting.phase.state !== "queued") continue;
    for (const job of started.get(waiting.lane) ?? []) {
      const isBefore =
        job.priority > waiting.priority || (job.priority === waiting.priority && job.id < waiting.id);
      assert(isBefore, `job ${job.id} starts before job ${waiting.id} of the same lane`);
    }
  }
}
