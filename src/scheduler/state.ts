import { createDeadlineHeap } from "./deadlines.ts";
import { createLaneQueue } from "./lane-queue.ts";
import type { Lane, LaneSpec, Policy, State, Verdict } from "./model.ts";

/** An empty scheduler: no GPUs seen, no jobs. */
export function createState(policy: Policy): State {
  return {
    policy,
    jobs: new Map(),
    lanes: new Map(),
    workers: new Map(),
    gpus: new Map(),
    waiting: new Set(),
    dependents: new Map(),
    deadlines: createDeadlineHeap(),
    nextLimitMs: Number.POSITIVE_INFINITY,
    nextJobId: 1,
    nextWorkerId: 1,
    adoptedUpTo: 0,
    lastFence: 0,
    stopping: false,
  };
}

export const noVerdict: Verdict = { code: "next", workerId: null, gpus: [], untilMs: null };

/** The lane of `spec.key`, made or brought up to date with `spec`. */
export function laneFor(state: State, spec: LaneSpec): { lane: Lane; isNew: boolean } {
  const known = state.lanes.get(spec.key);
  if (known) {
    const isNew = !sameSpec(known.spec, spec);
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
    startCostMs: null,
    stopCostMs: null,
    startFailures: 0,
    retryAtMs: 0,
    lastStartError: null,
    summons: null,
    summoned: null,
    verdict: noVerdict,
  };
  state.lanes.set(spec.key, lane);
  return { lane, isNew: true };
}

function sameSpec(left: LaneSpec, right: LaneSpec): boolean {
  return (Object.keys(right) as (keyof LaneSpec)[]).every((key) => left[key] === right[key]);
}
