import { knownView, type LaneView, viewOf } from "./lane-view.ts";
import { isServing } from "./lane-workers.ts";
import type { Lane, State } from "./model.ts";

/** Whether jobs wait in the lane and none of its workers will take them. A command needs a worker of its own each time. */
export function isUnserved(lane: Lane): boolean {
  if (lane.queue.size === 0 || lane.spec.gpuCount === 0) return false;
  if (lane.spec.residency === "one-shot" || lane.workers.size === 0) return true;
  for (const worker of lane.workers) if (isServing(worker)) return false;
  return true;
}

/**
 * Notes until when each unserved lane has to be served (invariant 7): from when it began to wait, its own switch, and for
 * every other lane that contends meanwhile one quantum and one switch, once. O(lanes) but for lanes that begin to wait.
 * @param mayGo whether a lane would be served if it were its turn: one that may not (a quota, a failed start) is in nobody's way
 */
export function noteWaits(state: State, nowMs: number, mayGo: (lane: Lane) => boolean): void {
  let isSame = true;
  for (const lane of state.dueOrder) {
    if (lane.wait !== null && isUnserved(lane) && mayGo(lane)) continue;
    lane.wait = null;
    isSame = false;
  }
  const joined: Lane[] = [];
  for (const lane of state.waiting) {
    if (lane.wait !== null && lane.wait.servedAtMs === lane.waitingSinceMs) continue;
    if (isUnserved(lane) && mayGo(lane)) joined.push(lane);
  }
  if (joined.length > 0) join(state, joined, nowMs);
  else if (isSame) return;
  state.dueOrder = [...state.waiting].filter((lane) => lane.wait !== null).sort(byDue);
}

function join(state: State, joined: readonly Lane[], nowMs: number): void {
  for (const lane of joined) {
    const dueMs = nowMs + viewOf(state, lane).switchMs;
    lane.wait = {
      servedAtMs: lane.waitingSinceMs,
      dueMs,
      counted: new Set([lane]),
      slackMs: 0,
      slackBeforeMs: 0,
      slackFromMs: 0,
    };
  }
  const contenders = contendersOf(state);
  for (const lane of state.waiting) {
    if (lane.wait === null) continue;
    for (const other of joined.includes(lane) ? contenders : joined) {
      if (lane.wait.counted.has(other)) continue;
      lane.wait.counted.add(other);
      const { quantumMs, switchMs } = viewOf(state, other);
      lane.wait.dueMs += quantumMs + switchMs;
    }
  }
}

/** Lanes that wait for GPUs or hold some. */
function contendersOf(state: State): Set<Lane> {
  const found = new Set<Lane>();
  for (const lane of state.waiting) if (lane.spec.gpuCount > 0 && lane.queue.size > 0) found.add(lane);
  for (const { lane } of state.workers.values()) if (lane.spec.gpuCount > 0) found.add(lane);
  return found;
}

/** Who may go first without anybody of the same rank being served later than it has to be. */
export interface ServiceBound {
  /** Whether the lane may be switched to now. */
  allows(lane: Lane): boolean;
  /** Whether a lane that is resident may take one more job though its turn is over, for lanes of `rank` that wait. */
  allowsStay(lane: Lane, rank: number): boolean;
}

/** Where one rank's round stands while the lanes are gone through. */
interface RankRound {
  readonly rank: number;
  atMs: number;
  leastMs: number;
  fromMs: number;
  count: number;
}

/**
 * Looks whether all unserved lanes are in time if those of each rank are served one after another in order of their due
 * times, each with its switch and its quantum, or its work if that is less. A lane that goes first delays those before
 * it in that order, so it may only if all of them have that much slack. O(lanes).
 */
export function serviceBoundAt(state: State, nowMs: number): ServiceBound {
  const rounds = new Map<number, RankRound>();
  const order = state.dueOrder;
  let round: RankRound = { rank: Number.NaN, atMs: 0, leastMs: 0, fromMs: 0, count: 0 };
  for (const lane of order) {
    const view = knownView(lane);
    const { wait } = lane;
    if (wait === null) continue;
    if (round.rank !== view.rank) round = roundOf(rounds, view.rank, nowMs);
    round.atMs += view.switchMs;
    wait.slackMs = wait.dueMs - round.atMs;
    // The first one is always allowed: nobody is before it.
    wait.slackBeforeMs = round.count === 0 ? Number.MAX_VALUE : round.leastMs;
    round.atMs += turnMs(view);
    round.leastMs = Math.min(round.leastMs, wait.slackMs);
    round.count += 1;
  }
  for (let index = order.length - 1; index >= 0; index--) {
    const lane = order[index];
    if (!lane?.wait) continue;
    const { rank } = knownView(lane);
    if (round.rank !== rank) round = roundOf(rounds, rank, nowMs);
    lane.wait.slackFromMs = round.fromMs;
    round.fromMs = Math.min(round.fromMs, lane.wait.slackMs);
  }
  return {
    allows(lane) {
      const { wait } = lane;
      if (wait === null || wait.slackBeforeMs === Number.MAX_VALUE) return true;
      const view = knownView(lane);
      return wait.slackBeforeMs >= view.switchMs + turnMs(view) && wait.slackFromMs >= 0;
    },
    allowsStay(lane, rank) {
      const leastMs = rounds.get(rank)?.leastMs;
      return leastMs === undefined || leastMs >= viewOf(state, lane).serviceMs;
    },
  };
}

function roundOf(rounds: Map<number, RankRound>, rank: number, nowMs: number): RankRound {
  const known = rounds.get(rank);
  if (known) return known;
  const round = { rank, atMs: nowMs, leastMs: Number.MAX_VALUE, fromMs: Number.MAX_VALUE, count: 0 };
  rounds.set(rank, round);
  return round;
}

function byDue(left: Lane, right: Lane): number {
  return (left.wait?.dueMs ?? 0) - (right.wait?.dueMs ?? 0) || (left.spec.key < right.spec.key ? -1 : 1);
}

/** What a turn of the lane is expected to take, its switch aside. */
function turnMs({ serviceMs, quantumMs, workMs }: LaneView): number {
  return Math.max(serviceMs, Math.min(quantumMs, workMs));
}
