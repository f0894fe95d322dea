import { usageMs } from "../scheduler/accounts.ts";
import { rankOf } from "../scheduler/job.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { Lane, State } from "../scheduler/model.ts";
import type { Changes } from "../scheduler/transition.ts";
import { assert, must } from "../std/assert.ts";
import { isWithinQuota } from "./check-quotas.ts";

/**
 * Checks that what a step started comes before all that still waits in its lane: higher rank, then the user who used
 * least, then older. Jobs that a quota keeps back may be passed; where reservations stand, so may those that would run into one.
 * @throws AssertionFailed naming both jobs.
 */
export function checkOrder(state: State, changes: Changes, nowMs: number): void {
  const started = new Map<Lane, Job[]>();
  for (const { jobId } of changes.attemptsStarted) {
    const job = must(state.jobs.get(jobId), `job ${jobId} starts but is over`);
    started.set(job.lane, [...(started.get(job.lane) ?? []), job]);
  }
  if (started.size === 0 || state.reservations.size > 0) return;
  for (const waiting of state.jobs.values()) {
    if (waiting.phase.state !== "queued") continue;
    for (const job of started.get(waiting.lane) ?? []) {
      const mayGo = mayGoBefore(state, job, waiting, nowMs);
      assert(mayGo, `job ${job.id} starts before job ${waiting.id} of the same lane`);
    }
  }
}

function mayGoBefore(state: State, job: Job, waiting: Job, nowMs: number): boolean {
  const areOfOne = job.terms.accounts.every((account, index) => account === waiting.terms.accounts[index]);
  if (areOfOne && job.terms.accounts.length === waiting.terms.accounts.length) return isBefore(job, waiting);
  if (!isWithinQuota(state, waiting, nowMs)) return true;
  if (rankOf(job) !== rankOf(waiting)) return rankOf(job) > rankOf(waiting);
  const used = usageMs(state.policy, job.terms.accounts[0], nowMs);
  const wouldUse = usageMs(state.policy, waiting.terms.accounts[0], nowMs);
  return used < wouldUse || (used === wouldUse && job.id < waiting.id);
}

function isBefore(job: Job, waiting: Job): boolean {
  return rankOf(job) > rankOf(waiting) || (rankOf(job) === rankOf(waiting) && job.id < waiting.id);
}
