import type { Quota } from "../scheduler/job-model.ts";
import type { Policy } from "../scheduler/model.ts";
import type { Rng } from "../std/rng.ts";

/** Keys of the accounts of one user, their own first. */
export type Accounts = readonly [string, ...string[]];

/** What people of a world ask for: who they are, and how often a job or request has what not all have. */
export interface Habits {
  readonly users: readonly Accounts[];
  readonly array: number;
  readonly after: number;
  readonly deadline: number;
  readonly begin: number;
  readonly preemptible: number;
  /** Callers who wait on the line. */
  readonly request: number;
  readonly retryDelaysMs: readonly number[];
  /** Kinds of requests beside those about jobs and workers that somebody makes here. */
  readonly extras: readonly Extra[];
}

export type Extra = "change" | "preload" | "home" | "forget" | "reserve" | "unreserve" | "eta";

/** One user, with nothing special. */
export const quiet: Habits = {
  users: [["user:ann"]],
  array: 0,
  after: 0,
  deadline: 0,
  begin: 0,
  preemptible: 0,
  request: 0,
  retryDelaysMs: [1_000],
  extras: [],
};

const EVERYBODY: readonly Accounts[] = [
  ["user:ann"],
  ["user:bob", "group:students"],
  ["user:cyd", "group:students"],
];

/** Habits of a world; most worlds have some of everything, and some have none of a kind. */
export function chooseHabits(rng: Rng): Habits {
  const sometimes = (rate: number): number => (rng.chance(0.5) ? rate : 0);
  const kinds = ["change", "preload", "home", "forget", "eta"] as const;
  const extras: Extra[] = kinds.filter(() => rng.chance(0.5));
  if (rng.chance(0.25)) extras.push("reserve", "reserve", "unreserve");
  return {
    users: EVERYBODY.slice(0, rng.pick([1, 1, 2, 3])),
    array: sometimes(0.3),
    after: sometimes(0.25),
    deadline: sometimes(0.2),
    begin: sometimes(0.15),
    preemptible: sometimes(0.5),
    request: 0,
    retryDelaysMs: rng.pick([[1_000], [0, 100, 5_000]]),
    extras,
  };
}

/** Quotas that are small enough to be met, and decay that is fast enough for GPU-hours to come back. */
export function chooseQuotas(rng: Rng): Partial<Policy> {
  if (rng.chance(0.6)) return {};
  const quotas: Record<string, Quota> = {};
  if (rng.chance(0.7)) quotas["user:*"] = chooseQuota(rng);
  if (rng.chance(0.5)) quotas["group:students"] = chooseQuota(rng);
  return { quotas, fairShareHalfLifeMs: rng.pick([5_000, 30_000]) };
}

function chooseQuota(rng: Rng): Quota {
  return {
    running: rng.pick([null, 1, 2, 4]),
    queued: rng.pick([null, null, 10]),
    gpuHours: rng.pick([null, null, 0.002, 0.01]),
    maxPriority: rng.pick([null, null, 0]),
  };
}
