import { belowQuotaAtMs, blockingQuota, usageMs } from "./accounts.ts";
import { type Claims, createClaims } from "./claims.ts";
import type { Account, Job } from "./job-model.ts";
import { lookAgainBy } from "./job-transitions.ts";
import type { Backlog } from "./lane-index.ts";
import { everybody, type Rights } from "./lane-queue.ts";
import { type Standing, standingAt } from "./lanes.ts";
import type { Lane, State, Verdict } from "./model.ts";
import { isShutOut, nextOpenJob } from "./reserved.ts";
import { hostUse } from "./sleep.ts";
import type { Reservation } from "./timetable.ts";
import type { Transition } from "./transition.ts";
import { verdict } from "./verdicts.ts";

/** One round of decisions: what is left of the host as lanes take their turn. */
export interface Round {
  readonly tx: Transition;
  readonly claims: Claims;
  readonly rights: Rights;
  readonly standing: Standing;
  /** Cores and bytes of memory that neither workers hold nor earlier lanes wait for. */
  cpuCores: number;
  ramBytes: number;
  /** Bytes of the host that workers took in this round for falling asleep. */
  readonly slept: { ramBytes: number };
  /** Shared by all lanes for which nothing is left. */
  reserved: Verdict | null;
  /** Set while jobs that a reservation is for take its GPUs. */
  readonly within: Reservation | null;
  /** Jobs that were promised GPUs of their reservation. */
  readonly promised: Set<Job>;
}

/** What there is to give away at the start of a round. */
export function beginRound(tx: Transition, rights: Rights, backlog: Backlog): Round {
  const { state, nowMs } = tx;
  const use = hostUse(state);
  const cpuCores = state.policy.cpuCores - use.cpuCores;
  const ramBytes =
    state.policy.ramBytes > 0 ? state.policy.ramBytes - use.ramBytes : Number.POSITIVE_INFINITY;
  return {
    tx,
    claims: createClaims(state, nowMs),
    rights,
    standing: standingAt(state, nowMs, backlog),
    cpuCores,
    ramBytes,
    slept: { ramBytes: 0 },
    reserved: null,
    within: null,
    promised: new Set(),
  };
}

/** Who may run as quotas have it, and who used least so far. */
export function rightsAt(state: State, nowMs: number): Rights {
  const { policy } = state;
  if (state.accounts.size < 2 && Object.keys(policy.quotas).length === 0) return everybody;
  return {
    isBlocked: (accounts) => blockingQuota(policy, accounts, nowMs) !== null,
    pressure: (account) => usageMs(policy, account, nowMs),
  };
}

/** Whether quotas keep all that waits in the lane from going on. */
export function isQuotaBlocked(lane: Lane, rights: Rights): boolean {
  if (rights === everybody) return false;
  return lane.queue.size > 0 && lane.queue.next(rights) === undefined;
}

/** The first job of the lane that may run as quotas have it. */
export function nextJob({ tx, rights }: Round, lane: Lane): Job | undefined {
  const id = lane.queue.peek(rights);
  return id === undefined ? undefined : tx.state.jobs.get(id);
}

/** The job that a worker of the lane is to be started for next. */
export function nextToPlace(round: Round, lane: Lane): Job | undefined {
  const { state, nowMs } = round.tx;
  const isPlain = state.reservations.size === 0 || round.within !== null || lane.spec.gpuCount === 0;
  return isPlain ? nextJob(round, lane) : nextOpenJob(state, lane, round.rights, nowMs);
}

/** The lane has workers, but they are on GPUs that are reserved for others than this job. */
export function lacksOpenWorker(round: Round, lane: Lane): boolean {
  const { state, nowMs } = round.tx;
  if (state.reservations.size === 0 || lane.spec.gpuCount === 0) return false;
  const job = nextToPlace(round, lane);
  return job !== undefined && isShutOut(state, lane, job, nowMs);
}

/** All that waits in the lane waits for a quota; it is looked at again when usage alone has decayed enough. */
export function quotaVerdict({ tx }: Round, lane: Lane) {
  const { state, nowMs } = tx;
  const [first] = lane.queue.list(1);
  const accounts = first === undefined ? undefined : state.jobs.get(first)?.terms.accounts;
  const blocking = accounts && blockingQuota(state.policy, accounts, nowMs);
  if (!blocking) return verdict("quota");
  lookAgainBelowQuota(state, lane, nowMs);
  const untilMs =
    blocking.limit === "gpuHours" ? belowQuotaAtMs(state.policy, blocking.account, nowMs) : null;
  return verdict("quota", {
    untilMs: untilMs !== null && Number.isFinite(untilMs) ? untilMs : null,
    account: `${blocking.limit} of ${blocking.account.key}`,
  });
}

/** Whoever of the lane's users is below their GPU-hours first may be another than the one whose job is first. */
function lookAgainBelowQuota(state: State, { queue }: Lane, nowMs: number): void {
  const isBlocked = (accounts: readonly Account[]): boolean => {
    const blocking = blockingQuota(state.policy, accounts, nowMs);
    if (blocking?.limit === "gpuHours")
      lookAgainBy(state, belowQuotaAtMs(state.policy, blocking.account, nowMs));
    return blocking !== null;
  };
  queue.next({ isBlocked, pressure: () => 0 });
}

/**
 * Of several workers one took the last job of the lane: those that are left idle make room for others, who have had their
 * turn in this plan already.
 */
export function planAgainForIdle({ state, nowMs }: Transition, lane: Lane): void {
  if (lane.workers.size > 1) lookAgainBy(state, nowMs + 1);
}
