import type { Account, Job, Quota } from "./job-model.ts";
import type { Policy, State, Worker } from "./model.ts";

const HOUR_MS = 3_600_000;

/** The account of `key`, made on first sight. */
export function accountFor(state: State, key: string): Account {
  const known = state.accounts.get(key);
  if (known) return known;
  const account: Account = {
    key,
    usageMs: 0,
    usageAtMs: 0,
    gpusInUse: 0,
    waitingJobs: 0,
    runningJobs: 0,
  };
  state.accounts.set(key, account);
  return account;
}

/** The limits of an account: its own, else those of its kind; null = none. */
export function quotaOf(policy: Policy, key: string): Quota | null {
  const kind = `${key.slice(0, key.indexOf(":"))}:*`;
  return policy.quotas[key] ?? policy.quotas[kind] ?? null;
}

/**
 * Usage as of `nowMs` in GPU-milliseconds. With decay rate λ = ln 2 / half-life and g GPUs in use since the last
 * look, u(t) = u₀·e^(−λt) + g·(1 − e^(−λt)) / λ: the solution of u' = g − λu.
 */
export function usageMs(policy: Policy, account: Account, nowMs: number): number {
  const elapsedMs = Math.max(0, nowMs - account.usageAtMs);
  if (account.usageMs === 0 && account.gpusInUse === 0) return 0;
  const rate = Math.LN2 / policy.fairShareHalfLifeMs;
  const left = Math.exp(-rate * elapsedMs);
  return account.usageMs * left + (account.gpusInUse * (1 - left)) / rate;
}

/** Brings the books of an account up to date and changes what it holds from now on. */
export function changeUse(policy: Policy, account: Account, gpus: number, nowMs: number): void {
  account.usageMs = usageMs(policy, account, nowMs);
  account.usageAtMs = Math.max(nowMs, account.usageAtMs);
  account.gpusInUse += gpus;
}

/** GPUs that a job on `worker` counts for: its leases by their share of the GPU. */
export function gpuShareOf(worker: Worker): number {
  let share = 0;
  for (const lease of worker.leases) {
    share += lease.mode === "exclusive" ? 1 : lease.vramBytes / Math.max(1, lease.gpu.totalBytes);
  }
  return share;
}

/** Which quota keeps the job from running now; null = none. */
export function blockingQuota(
  policy: Policy,
  accounts: readonly Account[],
  nowMs: number,
): { account: Account; limit: "running" | "gpuHours" } | null {
  for (const account of accounts) {
    const quota = quotaOf(policy, account.key);
    if (quota === null) continue;
    if (quota.running !== null && account.runningJobs >= quota.running) return { account, limit: "running" };
    if (quota.gpuHours !== null && usageMs(policy, account, nowMs) >= quota.gpuHours * HOUR_MS)
      return { account, limit: "gpuHours" };
  }
  return null;
}

/**
 * When decay alone brings an account back below its GPU-hours: the formula of `usageMs`, solved for the time. Infinity
 * while what it holds would keep it above them for ever: usage settles at g / λ.
 */
export function belowQuotaAtMs(policy: Policy, account: Account, nowMs: number): number {
  const limitMs = (quotaOf(policy, account.key)?.gpuHours ?? Number.POSITIVE_INFINITY) * HOUR_MS;
  const usedMs = usageMs(policy, account, nowMs);
  if (usedMs < limitMs) return nowMs;
  const rate = Math.LN2 / policy.fairShareHalfLifeMs;
  const settledMs = account.gpusInUse / rate;
  if (settledMs >= limitMs) return Number.POSITIVE_INFINITY;
  return nowMs + Math.ceil(Math.log((usedMs - settledMs) / (limitMs - settledMs)) / rate) + 1;
}

/** The accounts of a job with one change to their counts. */
export function countJob(job: Job, waiting: number, running: number): void {
  for (const account of job.terms.accounts) {
    account.waitingJobs += waiting;
    account.runningJobs += running;
  }
}
