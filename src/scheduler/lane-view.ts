import { must } from "../std/assert.ts";
import { isWarm, laneRunMs, switchCostMs } from "./estimate.ts";
import type { Learned } from "./learned.ts";
import type { Lane, LaneSpec, State } from "./model.ts";

/**
 * What a plan asks of a lane again and again, kept until the lane's queue, its history or its spec changes. Everything
 * in here can be computed from the lane at any time.
 */
export interface LaneView {
  readonly queueVersion: number;
  readonly learned: Learned;
  readonly spec: LaneSpec;
  /** Whether its workers can sleep, and whether a switch is a matter of sleeping and waking now. */
  readonly canSleep: boolean;
  readonly isWarm: boolean;
  /** Whether its run time is a guess for want of runs of its own, and from how many runs of all lanes it was made. */
  readonly isGuessed: boolean;
  readonly guessedFrom: number;
  readonly size: number;
  /** Rank of its first job; a lane without jobs ranks lowest. */
  readonly rank: number;
  /** When the job at its head came. */
  readonly headMs: number;
  /** Mean arrival of its jobs. */
  readonly meanMs: number;
  /** Expected time a worker spends on one job: jobs in other slots run meanwhile. */
  readonly serviceMs: number;
  readonly switchMs: number;
  /**
   * How long it may be served while others wait for its GPU: `quantumFactor` × (its switch + one run). Overhead stays
   * below 1 / (1 + factor), and a quantum is never shorter than the jobs it is made of, however cheap the switch.
   */
  readonly quantumMs: number;
  /** Expected work of all its jobs. */
  readonly workMs: number;
  /** What its jobs' waiting costs, as it was last computed. */
  costs: LaneCosts | null;
}

/** The waiting costs of a lane's jobs (lane-index.ts), and the scale and base they were computed for. */
export interface LaneCosts {
  readonly scaleMs: number;
  readonly baseMs: number;
  readonly headCost: number;
  /** From one job to the next younger one. */
  readonly ratio: number;
  /** Of all jobs, in units of the head's. */
  readonly wholeSum: number;
}

/** The lane's view, renewed if it is out of date. */
export function viewOf(state: State, lane: Lane): LaneView {
  const { view } = lane;
  const isFresh =
    view !== null &&
    view.queueVersion === lane.queue.version &&
    view.learned === lane.learned &&
    view.spec === lane.spec &&
    (!view.canSleep || view.isWarm === isWarm(lane)) &&
    (!view.isGuessed || view.guessedFrom === lane.pooled.run.count);
  if (isFresh) return view;
  lane.view = look(state, lane);
  return lane.view;
}

/**
 * The view as `viewOf` had it earlier in the same look at the lanes, in which nothing changed since: a plan goes over all waiting
 * lanes several times, and asking whether a view is out of date costs as much as using it.
 */
export function knownView(lane: Lane): LaneView {
  return must(lane.view, "the lane was looked at in this round");
}

function look(state: State, lane: Lane): LaneView {
  const { queue, learned, spec } = lane;
  const serviceMs = Math.max(1, laneRunMs(state, lane) / spec.slots);
  const switchMs = switchCostMs(lane);
  const headId = queue.peek();
  const head = headId === undefined ? undefined : state.jobs.get(headId);
  return {
    queueVersion: queue.version,
    learned,
    spec,
    canSleep: spec.sleep !== null,
    isWarm: isWarm(lane),
    isGuessed: learned.run.count === 0,
    guessedFrom: lane.pooled.run.count,
    size: queue.size,
    rank: queue.size > 0 ? queue.headRank() : Number.NEGATIVE_INFINITY,
    headMs: head?.submittedAtMs ?? 0,
    meanMs: queue.size > 0 ? queue.meanArrivalMs() : 0,
    serviceMs,
    switchMs,
    quantumMs: state.policy.quantumFactor * (switchMs + serviceMs),
    workMs: queue.size * serviceMs,
    costs: null,
  };
}

/** How long a lane may be served while others wait for its GPU. Milliseconds. */
export function quantumMs(state: State, lane: Lane): number {
  return viewOf(state, lane).quantumMs;
}

/** Rank of the job at the head; a lane without jobs ranks lowest. */
export function priorityOf(lane: Lane): number {
  return lane.queue.size > 0 ? lane.queue.headRank() : Number.NEGATIVE_INFINITY;
}
