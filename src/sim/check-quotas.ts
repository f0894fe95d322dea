import type { Account, Job, Quota } from "../scheduler/job-model.ts";
import type { State } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";

const HOUR_MS = 3_600_000;
/** Sums that were made in another order differ by less. */
const ROUNDING = 1e-6;

/**
 * Checks that whatever a step started was within the quotas of all its accounts, and that nobody was let wait with more
 * jobs or a higher priority than theirs.
 * @throws AssertionFailed naming the job and account.
 */
export function checkQuotas(committed: Committed): void {
  const { state, step, nowMs } = committed;
  for (const { jobId } of step.changes.attemptsStarted) {
    const job = state.jobs.get(jobId);
    for (const account of job?.terms.accounts ?? []) {
      const quota = quotaFor(state, account.key);
      const running = quota?.running ?? Number.POSITIVE_INFINITY;
      assert(
        account.runningJobs <= running,
        `job ${jobId} starts beyond the quota of ${account.key}: ${running} running`,
      );
      const usedMs = usedBefore(state, account, nowMs);
      const isBelow = usedMs < limitMs(quota) * (1 + ROUNDING);
      assert(isBelow, `job ${jobId} starts though ${account.key} has used ${usedMs} GPU-ms`);
    }
  }
  for (const { job } of step.changes.newJobs) {
    for (const { key } of job.terms.accounts) {
      const most = quotaFor(state, key)?.maxPriority ?? Number.POSITIVE_INFINITY;
      assert(job.priority <= most, `job ${job.id} has priority ${job.priority}; ${key} may have ${most}`);
    }
  }
}

/** Whether the quotas of all the job's accounts let it start now. */
export function isWithinQuota(state: State, job: Job, nowMs: number): boolean {
  return job.terms.accounts.every((account) => {
    const quota = quotaFor(state, account.key);
    if (quota === null) return true;
    const isFew = account.runningJobs < (quota.running ?? Number.POSITIVE_INFINITY);
    return isFew && usedBefore(state, account, nowMs) < limitMs(quota) * (1 - ROUNDING);
  });
}

/** GPU-milliseconds as they count now: what was booked has decayed, and what is held since has come on top, decaying too. */
function usedBefore({ policy }: State, account: Account, nowMs: number): number {
  const halfLives = Math.max(0, nowMs - account.usageAtMs) / policy.fairShareHalfLifeMs;
  const left = 0.5 ** halfLives;
  return account.usageMs * left + (account.gpusInUse * policy.fairShareHalfLifeMs * (1 - left)) / Math.LN2;
}

function limitMs(quota: Quota | null): number {
  return (quota?.gpuHours ?? Number.POSITIVE_INFINITY) * HOUR_MS;
}

function quotaFor({ policy }: State, key: string): Quota | null {
  return policy.quotas[key] ?? policy.quotas[`${key.split(":")[0]}:*`] ?? null;
}
