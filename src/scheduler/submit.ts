import { quotaOf } from "./accounts.ts";
import { addJob, outcomeNow } from "./add-job.ts";
import type { NewJob, Reply, Request } from "./events.ts";
import { isMet } from "./job-ends.ts";
import type { JobArray } from "./job-model.ts";
import { prepare } from "./preparation.ts";
import { refuse, tooLarge } from "./refusals.ts";
import type { Transition } from "./transition.ts";

type Submit = Extract<Request, { type: "submit" }>;

/** Takes in all jobs of a request or none of them. `scheduleId`: the schedule that they come from. */
export function submit(tx: Transition, request: Submit, scheduleId: number | null = null): Reply {
  if (tx.state.stopping)
    return refuse("daemon/stopping", "the daemon is stopping and takes no new jobs", "orch up");
  const refusal = refusalOfBatch(tx, request);
  if (refusal) return refusal;
  const arrayId = request.array === undefined ? null : firstIdOf(tx, request);
  const array = limitedArray(tx, request);
  const jobs = request.jobs.map((asked) => addJob(tx, asked, { array, arrayId, scheduleId }));
  for (const { lane } of jobs) prepare(tx, lane); // Those that are held too: it may take longer than their hold.
  return { ok: true, ids: jobs.map((job) => job.id) };
}

/** Of the whole that the jobs are part of. */
function firstIdOf({ state }: Transition, { part }: Submit): number {
  return state.nextJobId - (part?.before ?? 0);
}

function limitedArray(tx: Transition, request: Submit): JobArray | null {
  const maxActive = request.array?.maxActive ?? null;
  if (maxActive === null) return null;
  const begun = tx.state.jobs.get(firstIdOf(tx, request))?.extras?.array;
  if (begun) return begun;
  const array = {
    id: firstIdOf(tx, request),
    maxActive,
    active: new Set<number>(),
    waiting: new Set<number>(),
  };
  tx.changes.newArrays.push(array);
  return array;
}

function refusalOfBatch(tx: Transition, request: Submit): Reply | undefined {
  const asked = new Map<string, number>();
  const { before, toCome } = request.part ?? { before: 0, toCome: 0 };
  for (const key of request.jobs[0]?.accounts ?? []) asked.set(key, toCome);
  for (const [index, job] of request.jobs.entries()) {
    const refusal = refusalOf(tx, job) ?? beyondQuota(tx, job, asked);
    if (refusal?.ok === false && before + request.jobs.length + toCome > 1)
      return { ...refusal, message: `job ${before + index + 1} of the batch: ${refusal.message}` };
    if (refusal) return refusal;
  }
  return undefined;
}

function refusalOf(tx: Transition, asked: NewJob): Reply | undefined {
  for (const dependency of asked.after) {
    const outcome = outcomeNow(tx, dependency);
    if (outcome === "live" || isMet(dependency.condition, outcome)) continue;
    const how = outcome === "cancelled" ? "was cancelled" : outcome;
    if (dependency.condition === "failed") {
      const text = `job ${dependency.jobId} ${how}; this job would only run had it failed`;
      return refuse("dependency/failed", text, `orch show ${dependency.jobId}`);
    }
    const text = `job ${dependency.jobId}, which it should wait for, ${how}`;
    return refuse("dependency/failed", text, `orch retry ${dependency.jobId}`);
  }
  if (asked.deadlineMs !== null && asked.deadlineMs <= tx.nowMs)
    return refuse("job/deadline", "its deadline is past already", "give a later one with --deadline");
  return tooLarge(tx.state, asked.lane);
}

/** Refuses a job that its accounts may not wait with, or could never run. `asked` counts the batch so far. */
function beyondQuota(tx: Transition, job: NewJob, asked: Map<string, number>): Reply | undefined {
  for (const key of job.accounts) {
    const quota = quotaOf(tx.state.policy, key);
    if (quota === null) continue;
    const waiting = (tx.state.accounts.get(key)?.waitingJobs ?? 0) + (asked.get(key) ?? 0);
    asked.set(key, (asked.get(key) ?? 0) + 1);
    if (quota.running === 0 || quota.gpuHours === 0)
      return refuse("quota/refused", `the quota of ${key} lets none of its jobs run`, "orch quotas");
    if (quota.queued !== null && waiting >= quota.queued) {
      const text = `${key} has ${waiting} jobs waiting, and its quota is ${quota.queued}`;
      return refuse("quota/refused", text, "wait for some to end, or cancel some: orch ls");
    }
    if (quota.maxPriority !== null && job.priority > quota.maxPriority) {
      const text = `${key} may ask for a priority of at most ${quota.maxPriority}, not ${job.priority}`;
      return refuse("quota/refused", text, `--priority ${quota.maxPriority}`);
    }
  }
  return undefined;
}
