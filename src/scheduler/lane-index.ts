import { arrivalsPerMs } from "./arrivals.ts";
import { knownView, type LaneCosts, type LaneView, viewOf } from "./lane-view.ts";
import type { Lane, State } from "./model.ts";

// The cost of waiting grows by e^(u·w/T) for a job of age w, with u = `Policy.urgency`. Exponential cost is what keeps
// the tail of waits short (Yu and Scully, Strongly Tail-Optimal Scheduling, 2024: its rate is the decay rate of the waits
// under FIFO). For waits whose tail is exponential that rate is √2 over their root mean square; T stands for that.

/** Beyond e^±300 numbers would leave the range of doubles once they are multiplied. */
const LARGEST_EXPONENT = 300;

/** Part of a switch and half of the one back, which may be saved or shared: the level that did best (ARCHITECTURE.md). */
const SWITCH_SHARE = 1.5;

/** What holds for all lanes at one moment. */
export interface Outlook {
  readonly nowMs: number;
  /** Unserved lanes, and how long it would take to clear all that waits. */
  readonly unserved: number;
  readonly clearMs: number;
  /** T: the largest backlog that a job which still waits can have met: what it would wait for under FIFO, at the least. */
  readonly scaleMs: number;
  /**
   * Costs are compared as of this time: all of them grow by the same factor as time goes by, so that which one is largest
   * does not depend on it, and they stay as they are until their lane or T changes.
   */
  readonly baseMs: number;
  readonly urgency: number;
}

/** What waits: the expected work of all lanes, their switches, and when the oldest job came. */
export interface Backlog {
  readonly workMs: number;
  readonly switchesMs: number;
  readonly oldestMs: number;
}

/** Looks at all waiting lanes once, and renews their views. O(lanes). */
export function backlogOf(state: State): Backlog {
  let workMs = 0;
  let switchesMs = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const lane of state.waiting) {
    const view = viewOf(state, lane);
    if (view.size === 0) continue;
    workMs += view.workMs;
    switchesMs += view.switchMs;
    if (view.headMs < oldestMs) oldestMs = view.headMs;
  }
  return { workMs, switchesMs, oldestMs };
}

/** What holds now that it is known who is unserved. O(unserved lanes). */
export function outlookAt(state: State, nowMs: number, backlog = backlogOf(state)): Outlook {
  const { workMs, switchesMs, oldestMs } = backlog;
  let unservedMs = 0;
  for (const lane of state.dueOrder) unservedMs += knownView(lane).switchMs;
  forgetPeaks(state, oldestMs);
  const peakMs = Math.max(workMs + switchesMs, state.backlogPeaks[0]?.backlogMs ?? 0);
  const scaleMs = Math.max(1, peakMs / Math.max(1, state.gpus.size));
  // Counted from the oldest job, whose cost matters most: the costs of much younger ones may vanish beside it.
  if (Math.abs(oldestMs - state.indexBaseMs) > 50 * scaleMs && Number.isFinite(oldestMs))
    state.indexBaseMs = oldestMs;
  return {
    nowMs,
    unserved: state.dueOrder.length,
    clearMs: workMs + unservedMs,
    scaleMs,
    baseMs: state.indexBaseMs,
    urgency: state.policy.urgency,
  };
}

/**
 * Remembers the backlog that jobs which arrive now meet. Whatever a later, larger one hides is forgotten: what is left
 * falls from front to back.
 */
export function notePeak(state: State, nowMs: number, { workMs, switchesMs }: Backlog): void {
  const backlogMs = workMs + switchesMs;
  const peaks = state.backlogPeaks;
  while ((peaks.at(-1)?.backlogMs ?? Number.POSITIVE_INFINITY) <= backlogMs) peaks.pop();
  peaks.push({ atMs: nowMs, backlogMs });
}

/** Forgets the backlogs from before the oldest waiting job came: nobody who waits has met them. */
function forgetPeaks(state: State, oldestMs: number): void {
  const peaks = state.backlogPeaks;
  let past = 0;
  while ((peaks[past]?.atMs ?? Number.POSITIVE_INFINITY) < oldestMs) past += 1;
  if (past > 0) peaks.splice(0, past);
}

/**
 * What is gained per millisecond by switching to the lane: the waiting cost its oldest k jobs stop growing, over the switch
 * and their runs, for the best k (a Gittins index over prefixes). Ages are taken to fall evenly from the head's so that
 * their mean is right. A lane that fills up again while the rest is cleared will cost one more switch; one to which
 * hardly anything comes pays its switch once, and gains nothing by waiting. O(log jobs).
 */
export function switchIndex(lane: Lane, outlook: Outlook): number {
  const view = knownView(lane);
  const { size, serviceMs, switchMs, spec } = view;
  if (size === 0) return 0;
  const { headCost, ratio, wholeSum } = costsOf(view, outlook);
  const gpus = Math.max(1, spec.gpuCount);
  // A one-shot worker serves one job: it pays its own start, and there is nothing to come back to.
  if (spec.residency === "one-shot") return headCost / (gpus * (switchMs + serviceMs));
  const refilled = Math.min(1, (arrivalsPerMs(lane.arrivals, outlook.nowMs) * outlook.clearMs) / size);
  const fixedMs = SWITCH_SHARE * switchMs * (1 + refilled);
  return (headCost * bestPrefix(size, ratio, wholeSum, fixedMs, serviceMs)) / gpus;
}

/** The waiting costs of a lane's jobs as of the outlook's base. */
function costsOf(view: LaneView, { scaleMs, baseMs, urgency }: Outlook): LaneCosts {
  const { costs, size } = view;
  if (costs !== null && costs.scaleMs === scaleMs && costs.baseMs === baseMs) return costs;
  const exponent = (urgency * (baseMs - view.headMs)) / scaleMs;
  const headCost = Math.exp(Math.max(-LARGEST_EXPONENT, Math.min(LARGEST_EXPONENT, exponent)));
  const spread = Math.max(0, view.meanMs - view.headMs) / scaleMs;
  const ratio = size === 1 ? 1 : Math.exp((-urgency * 2 * spread) / (size - 1));
  const wholeSum = ratio < 1 - 1e-9 ? (1 - ratio ** size) / (1 - ratio) : size;
  view.costs = { scaleMs, baseMs, headCost, ratio, wholeSum };
  return view.costs;
}

/** The largest (1 + r + … + r^(k−1)) / (fixed + k·each) over k = 1, 2, 4 … and the size itself. */
function bestPrefix(size: number, ratio: number, wholeSum: number, fixedMs: number, eachMs: number): number {
  let best = wholeSum / (fixedMs + size * eachMs);
  let sum = 1;
  let power = ratio; // r^count
  for (let count = 1; count < size; count *= 2) {
    best = Math.max(best, sum / (fixedMs + count * eachMs));
    sum *= 1 + power;
    power *= power;
  }
  return best;
}

/**
 * What is gained per millisecond by going on with the lane that is resident: its next job costs no switch. On top comes
 * the switch back that leaving now would cost every lane that waits, spread over the work that is left: a lane that is
 * nearly empty is finished.
 */
export function stayValue(state: State, lane: Lane, outlook: Outlook): number {
  const view = viewOf(state, lane);
  if (view.size === 0) return 0;
  const perMs = costsOf(view, outlook).headCost / (Math.max(1, view.spec.gpuCount) * view.serviceMs);
  return perMs * (1 + (view.switchMs * outlook.unserved) / view.workMs);
}
