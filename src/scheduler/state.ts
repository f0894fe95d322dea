import { IdMap } from "../std/id-map.ts";
import { createDeadlineHeap } from "./deadlines.ts";
import { createLaneQueue } from "./lane-queue.ts";
import { type Learned, noRuns, nothingLearned } from "./learned.ts";
import type { Lane, LaneSpec, Policy, State, Verdict } from "./model.ts";
import type { SleepSpec } from "./worker-phase.ts";

/** An empty scheduler: no GPUs seen, no jobs. */
export function createState(policy: Policy): State {
  return {
    policy,
    jobs: new IdMap(),
    lanes: new Map(),
    workers: new Map(),
    gpus: new Map(),
    waiting: new Set(),
    terms: new Map(),
    accounts: new Map(),
    runGroups: new Map(),
    pooled: { run: noRuns, start: noRuns, stop: noRuns },
    firstArrivalMs: Number.POSITIVE_INFINITY,
    dueOrder: [],
    backlogPeaks: [],
    indexBaseMs: 0,
    dependents: new Map(),
    deadlines: createDeadlineHeap(),
    etas: new Map(),
    nextLimitMs: Number.POSITIVE_INFINITY,
    schedules: new Map(),
    reservations: new Map(),
    nextScheduleId: 1,
    nextReservationId: 1,
    nextJobId: 1,
    nextWorkerId: 1,
    adoptedUpTo: 0,
    lastRequestId: 0,
    lastFence: 0,
    stopping: false,
  };
}

export const noVerdict: Verdict = {
  code: "next",
  workerId: null,
  gpus: [],
  untilMs: null,
  account: null,
  reservationId: null,
};

/** The lane of `spec.key`, made or brought up to date with `spec`. */
export function laneFor(state: State, spec: LaneSpec): { lane: Lane; isNew: boolean } {
  const known = state.lanes.get(spec.key);
  if (known) {
    const isNew = known.spec !== spec && !sameSpec(known.spec, spec);
    if (isNew) {
      known.spec = spec;
      state.nextLimitMs = 0; // Limits that were computed from the old spec are looked at again.
    }
    return { lane: known, isNew };
  }
  const lane: Lane = {
    spec,
    queue: createLaneQueue(),
    workers: new Set(),
    waitingSinceMs: 0,
    learned: nothingLearned,
    prior: priorOf(state, spec),
    pooled: state.pooled,
    preparation: { state: "needed" },
    startFailures: 0,
    crashes: 0,
    retryAtMs: 0,
    lastStartError: null,
    summons: null,
    summoned: null,
    hintUntilMs: 0,
    wait: null,
    turn: { isSummoned: false, rank: 0, isUnserved: false, isAllowed: true, index: 0, dueMs: 0 },
    arrivals: null,
    lastTerms: null,
    view: null,
    verdict: noVerdict,
  };
  state.lanes.set(spec.key, lane);
  return { lane, isNew: true };
}

/** What is known of the same runtime with other load params: the lane of it that ran most. */
export function priorOf(state: State, spec: LaneSpec): Learned {
  let best = nothingLearned;
  for (const lane of state.lanes.values()) {
    if (lane.spec.runtime !== spec.runtime || lane.spec.runtime === "run" || lane.spec.key === spec.key)
      continue;
    const isBetter =
      lane.learned.run.count > best.run.count || (best.startMs === null && lane.learned.startMs !== null);
    if (isBetter) best = lane.learned;
  }
  return best;
}

function sameSpec(left: LaneSpec, right: LaneSpec): boolean {
  return (Object.keys(right) as (keyof LaneSpec)[]).every((key) =>
    key === "sleep" ? sameSleep(left.sleep, right.sleep) : left[key] === right[key],
  );
}

function sameSleep(left: SleepSpec | null, right: SleepSpec | null): boolean {
  if (left === null || right === null) return left === right;
  return (Object.keys(right) as (keyof SleepSpec)[]).every((key) => left[key] === right[key]);
}
