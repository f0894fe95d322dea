import { coldPenaltyMs, startMs, switchCostMs } from "./estimate.ts";
import { fits, type Left, leftOf } from "./fits.ts";
import type { Eviction } from "./lanes.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";
import { mayFallAsleep } from "./sleep.ts";

/** Somebody who is moved out of the way. */
export interface Victim {
  readonly worker: Worker;
  readonly how: Eviction;
  /** It is put to sleep: what it still holds then leaves room enough. */
  readonly sleeps: boolean;
}

/** For whom room is made, and how. */
interface Newcomer {
  readonly state: State;
  readonly lane: Lane;
  readonly nowMs: number;
  /** A worker of the lane that is to be woken there: what it holds now is part of what it will get. */
  readonly waking?: Worker | null;
}

/**
 * Whom to stop so that the lane fits: the cheapest single worker that is big enough, else the cheapest ones together,
 * without those that turn out needless. Null when not even all of them are enough.
 */
export function cheapestVictims(wish: Newcomer, gpu: Gpu, candidates: Victim[]): readonly Victim[] | null {
  const { state, lane, nowMs } = wish;
  if (candidates.length > 1) candidates.sort((left, right) => compareVictims(left, right, nowMs));
  const fitsWithout = (victims: readonly Victim[]): boolean =>
    fits(state, lane, gpu, leftAfter(wish, victims));
  const single = candidates.find((victim) => victim.how === "drain" && fitsWithout([victim]));
  if (single) return withSleep(wish, gpu, [single], candidates);
  if (candidates.length === 0 || !fitsWithout(candidates)) return null;
  let kept = [...candidates];
  for (const victim of [...candidates].reverse()) {
    const without = kept.filter((each) => each !== victim);
    if (fitsWithout(without)) kept = without;
  }
  return withSleep(wish, gpu, kept, candidates);
}

/** What all workers will hold once these victims have made room. */
function leftAfter({ waking }: Newcomer, victims: readonly Victim[]): (worker: Worker) => Left {
  return (worker) => {
    if (worker === waking) return "nothing";
    const victim = victims.find((each) => each.worker === worker);
    if (victim === undefined) return leftOf(worker);
    return victim.sleeps ? "residue" : "nothing";
  };
}

/**
 * The victims, of whom those that can are put to sleep as far as the lane fits all the same. To make room for what they
 * keep, workers that sleep already are stopped instead, if that is expected to cost less than to stop the victim.
 * @param others that may be moved out of the way, the cheapest first
 */
function withSleep(
  wish: Newcomer,
  gpu: Gpu,
  victims: readonly Victim[],
  others: readonly Victim[],
): readonly Victim[] {
  let chosen = victims;
  for (const victim of victims) {
    if (!mayFallAsleep(wish.state, victim.worker, wish.nowMs)) continue;
    let tried = chosen.map((each) => (each === victim ? { ...each, sleeps: true } : each));
    let leftMs = stopCostMs(victim.worker, wish.nowMs);
    const sleepers = others.filter((each) => each.worker.phase.state === "asleep" && !chosen.includes(each));
    while (!fits(wish.state, wish.lane, gpu, leftAfter(wish, tried))) {
      const next = sleepers.shift();
      leftMs -= next === undefined ? Number.POSITIVE_INFINITY : stopCostMs(next.worker, wish.nowMs);
      if (next === undefined || leftMs < 0) break;
      tried = [...tried, next];
    }
    if (fits(wish.state, wish.lane, gpu, leftAfter(wish, tried))) chosen = tried;
  }
  return chosen;
}

/** Drained before preempted, cheap to bring back before dear. */
function compareVictims(left: Victim, right: Victim, nowMs: number): number {
  return (
    Number(left.how === "preempt") - Number(right.how === "preempt") ||
    reloadCostMs(left.worker, nowMs) - reloadCostMs(right.worker, nowMs) ||
    left.worker.id - right.worker.id
  );
}

/**
 * What evicting a worker is expected to cost: its reload, weighed by how likely it is wanted soon. A worker idle for
 * t is taken to be wanted again within its reload time r with probability r / (r + t): the longer it was idle, the
 * longer it will be. Milliseconds.
 */
export function reloadCostMs(worker: Worker, nowMs: number): number {
  if (worker.phase.state === "asleep") return stopCostMs(worker, nowMs);
  const costMs = switchCostMs(worker.lane);
  if (worker.jobs.size > 0 || worker.phase.state !== "ready") return costMs + startMs(worker.lane);
  if (worker.lane.queue.size > 0) return costMs;
  return weighed(costMs, nowMs - worker.phase.idleSinceMs);
}

/** What it is expected to cost that a worker is stopped which sleeps, or which could be put to sleep. Milliseconds. */
function stopCostMs({ phase, lane, jobs }: Worker, nowMs: number): number {
  const penaltyMs = coldPenaltyMs(lane);
  const isIdle = phase.state === "asleep" || (phase.state === "ready" && jobs.size === 0);
  return isIdle && lane.queue.size === 0 ? weighed(penaltyMs, nowMs - phase.idleSinceMs) : penaltyMs;
}

function weighed(costMs: number, idleMs: number): number {
  return costMs === 0 ? 0 : (costMs * costMs) / (costMs + Math.max(0, idleMs));
}
