import { accountFor } from "./accounts.ts";
import type { RunGroup, Terms } from "./job-model.ts";
import { noRuns } from "./learned.ts";
import type { Lane, State } from "./model.ts";

/** Terms as they are asked for or stored. */
export interface TermsRow {
  readonly priority: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly timeLimitMs: number | null;
  /** Keys of accounts, the user's first. */
  readonly accounts: readonly [string, ...string[]];
  readonly preemptible: boolean;
  /** Key of the jobs that are expected to run equally long. */
  readonly estimateKey: string | null;
}

/** The terms of a job of `lane`, shared with all jobs that have the same. */
export function termsFor(state: State, lane: Lane, row: TermsRow): Terms {
  const { lastTerms } = lane;
  if (lastTerms !== null && lastTerms.jobs > 0 && isSame(lastTerms, row)) return lastTerms;
  lane.lastTerms = findTerms(state, lane, row);
  return lane.lastTerms;
}

/** Whether terms say what the row says. Most jobs of a lane follow one that has the same. */
function isSame(terms: Terms, row: TermsRow): boolean {
  return (
    terms.priority === row.priority &&
    terms.retries === row.retries &&
    terms.retryDelayMs === row.retryDelayMs &&
    terms.timeLimitMs === row.timeLimitMs &&
    terms.preemptible === row.preemptible &&
    (terms.estimate?.key ?? null) === row.estimateKey &&
    terms.accounts.length === row.accounts.length &&
    terms.accounts.every((account, index) => account.key === row.accounts[index])
  );
}

function findTerms(state: State, lane: Lane, row: TermsRow): Terms {
  const { priority, retries, retryDelayMs, timeLimitMs, preemptible, estimateKey } = row;
  const key = JSON.stringify([
    lane.spec.key,
    priority,
    retries,
    retryDelayMs,
    timeLimitMs,
    row.accounts,
    preemptible,
    estimateKey,
  ]);
  const known = state.terms.get(key);
  if (known) return known;
  const [user, ...groups] = row.accounts;
  const terms: Terms = {
    key,
    lane,
    priority,
    retries,
    retryDelayMs,
    timeLimitMs,
    accounts: [accountFor(state, user), ...groups.map((group) => accountFor(state, group))],
    preemptible,
    estimate: estimateKey === null ? null : runGroupFor(state, estimateKey),
    jobs: 0,
  };
  state.terms.set(key, terms);
  return terms;
}

/** One job less has these terms. */
export function leaveTerms(state: State, terms: Terms): void {
  terms.jobs -= 1;
  if (terms.jobs === 0) state.terms.delete(terms.key);
}

/** The group of jobs that are expected to run equally long. */
export function runGroupFor(state: State, key: string): RunGroup {
  const known = state.runGroups.get(key);
  if (known) return known;
  const group: RunGroup = { key, run: noRuns };
  state.runGroups.set(key, group);
  return group;
}

/** Terms as plain data. */
export function rowOfTerms(terms: Terms): TermsRow {
  const { priority, retries, retryDelayMs, timeLimitMs, preemptible, estimate, accounts } = terms;
  const [user, ...groups] = accounts;
  return {
    priority,
    retries,
    retryDelayMs,
    timeLimitMs,
    accounts: [user.key, ...groups.map((group) => group.key)],
    preemptible,
    estimateKey: estimate?.key ?? null,
  };
}
