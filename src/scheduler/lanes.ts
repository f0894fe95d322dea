import { fairFactors } from "./fair-share.ts";
import { rankOf } from "./job.ts";
import { backlogOf, type Outlook, outlookAt, stayValue, switchIndex } from "./lane-index.ts";
import { knownView, priorityOf, viewOf } from "./lane-view.ts";
import { isComing, isServing } from "./lane-workers.ts";
import type { Lane, State, Worker } from "./model.ts";
import { type ServiceBound, serviceBoundAt } from "./service-bound.ts";

/** How the lanes stand to each other at one moment. */
export interface Standing {
  /**
   * Takes the lane whose turn it is of those that are left: asked for by a person, priority, unserved before those that only
   * want one more worker, then by what a switch to it is worth as far as everybody is still served in time, then by due
   * time. O(lanes).
   */
  takeNext(): Lane | undefined;
  /** As `takeNext`, leaving out lanes that need a GPU: they are given to `passOver`. */
  takeRest(passOver: (lane: Lane) => void): Lane | undefined;
  /** Whether a resident worker has had its quantum since the lane began to wait. */
  hasHadTurn(worker: Worker, lane: Lane): boolean;
  /** Whether a resident worker should give way to a lane of its own rank. */
  shouldYield(worker: Worker, lane: Lane): boolean;
}

/** Looks at the waiting lanes once. O(lanes). */
export function standingAt(state: State, nowMs: number, backlog = backlogOf(state)): Standing {
  const outlook = outlookAt(state, nowMs, backlog);
  const fair = fairFactors(state, nowMs);
  const bound = serviceBoundAt(state, nowMs);
  let left: Lane[] = [];
  for (const lane of state.waiting) {
    renewTurn(lane, outlook, bound, fair);
    left.push(lane);
  }
  return {
    takeNext: () => takeFirst(left),
    takeRest(passOver) {
      const withoutGpu: Lane[] = [];
      for (const lane of left) {
        if (lane.spec.gpuCount === 0) withoutGpu.push(lane);
        else passOver(lane);
      }
      left = withoutGpu;
      return takeFirst(left);
    },
    hasHadTurn: (worker, lane) =>
      nowMs - Math.max(worker.phase.sinceMs, lane.waitingSinceMs) >= viewOf(state, worker.lane).quantumMs,
    shouldYield(worker, lane) {
      const resident = worker.lane;
      if (worker.phase.state !== "ready" || isFresh(worker)) return false;
      const isInTurn = nowMs - worker.phase.sinceMs < viewOf(state, resident).quantumMs;
      if (!isInTurn && !bound.allowsStay(resident, lane.turn.rank)) return true;
      return lane.turn.index > stayValue(state, resident, outlook) * fair(resident);
    },
  };
}

/** Whether a worker has not had a job yet: to switch again before it has would make no headway at all. */
function isFresh({ phase, jobs }: Worker): boolean {
  return phase.state === "ready" && jobs.size === 0 && phase.idleSinceMs === phase.sinceMs;
}

function renewTurn(lane: Lane, outlook: Outlook, bound: ServiceBound, fair: (lane: Lane) => number): void {
  const { turn, wait } = lane;
  turn.isSummoned = lane.summons !== null;
  turn.rank = knownView(lane).rank;
  turn.isUnserved = wait !== null;
  turn.isAllowed = bound.allows(lane);
  turn.index = wait !== null && turn.isAllowed ? switchIndex(lane, outlook) * fair(lane) : 0;
  turn.dueMs = wait?.dueMs ?? Number.MAX_SAFE_INTEGER;
}

function takeFirst(left: Lane[]): Lane | undefined {
  let best = left[0];
  let at = 0;
  for (let index = 1; index < left.length; index++) {
    const lane = left[index];
    if (best === undefined || lane === undefined || !isBefore(lane, best)) continue;
    best = lane;
    at = index;
  }
  const last = left.pop();
  if (last !== undefined && at < left.length) left[at] = last;
  return best;
}

function isBefore(left: Lane, right: Lane): boolean {
  const mine = left.turn;
  const other = right.turn;
  if (mine.isSummoned !== other.isSummoned) return mine.isSummoned;
  if (mine.rank !== other.rank) return mine.rank > other.rank;
  if (mine.isUnserved !== other.isUnserved) return mine.isUnserved;
  if (mine.isAllowed !== other.isAllowed) return mine.isAllowed;
  if (mine.index !== other.index) return mine.index > other.index;
  if (mine.dueMs !== other.dueMs) return mine.dueMs < other.dueMs;
  if (left.waitingSinceMs !== right.waitingSinceMs) return left.waitingSinceMs < right.waitingSinceMs;
  return left.spec.key < right.spec.key;
}

/** How a worker would be moved out of the way: let finish what it runs, or its jobs stopped and queued again. */
export type Eviction = "drain" | "preempt";

/** Whether and how a worker may be stopped for the lane that is being placed. */
export type MayEvict = (worker: Worker) => Eviction | null;

/**
 * Whether `worker` may be stopped so that `lane` can run: it is idle with nobody waiting in its lane; or the other
 * lane ranks higher; or it ranks no lower and its turn has come. A lane of lower rank waits: it would be evicted in turn
 * before it could serve a single job. What runs is let finish, unless its owner said that it may be preempted and the other
 * lane ranks higher.
 * @param grows the lane has workers already and wants one more: that is worth no other lane's service
 * @param rank of the job that would run, which is not the lane's first one where a quota blocks that
 */
export function mayEvictFor(
  standing: Standing,
  lane: Lane,
  nowMs: number,
  grows = false,
  rank = priorityOf(lane),
): MayEvict {
  return (worker) => {
    // Commands share a lane with whatever needs the same lease: there one may preempt the other.
    // What sleeps is in nobody's service; but one more worker is not worth what its lane waits for.
    if (worker.phase.state === "asleep")
      return worker.pinned || (grows && worker.lane.queue.size > 0) ? null : "drain";
    if (worker.pinned || (worker.lane === lane && lane.spec.residency === "resident")) return null;
    if (!isServing(worker)) return null;
    const canPreempt = !grows && lane.summons === null && mayPreempt(worker, rank);
    if (worker.lane.spec.residency === "one-shot") return canPreempt ? "preempt" : null;
    if (canPreempt) return "preempt";
    return mayDrain(standing, lane, worker, nowMs, grows) ? "drain" : null;
  };
}

/** Whether all that runs on the worker may be stopped and queued again for something of this rank. */
function mayPreempt(worker: Worker, rank: number): boolean {
  if (worker.jobs.size === 0) return false;
  for (const job of worker.jobs) if (!job.terms.preemptible || rankOf(job) >= rank) return false;
  return true;
}

function mayDrain(standing: Standing, lane: Lane, worker: Worker, nowMs: number, grows: boolean): boolean {
  const { phase } = worker;
  if (lane.summons?.evict === true) return true;
  if (phase.state !== "ready" && worker.lane.summoned === worker) return false;
  if (worker.jobs.size === 0 && worker.lane.queue.size === 0) return true;
  if (grows) return false;
  if (worker.backfillUntilMs !== null) {
    // One that still comes serves somebody first, unless its loan is over by then.
    const isFirst = priorityOf(lane) > priorityOf(worker.lane) || worker.backfillUntilMs <= nowMs;
    return !isComing(worker) || (phase.sinceMs < nowMs && isFirst);
  }
  if (phase.state !== "ready" || worker.lane.queue.size === 0) return false;
  if (priorityOf(lane) > priorityOf(worker.lane)) return true;
  if (lane.summons !== null) return standing.hasHadTurn(worker, lane);
  if (priorityOf(lane) < priorityOf(worker.lane)) return false;
  if (nowMs - phase.sinceMs < worker.lane.spec.minResidencyMs) return false;
  return standing.shouldYield(worker, lane);
}
