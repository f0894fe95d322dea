import type { Report, Request } from "../scheduler/events.ts";
import type { Step } from "../scheduler/step.ts";
import { assert } from "../std/assert.ts";

/** A daemon that wakes up more often than this with nothing to do does not wait but spin. */
const MOST_SPINS = 20;

/**
 * Counts how many times in a row the daemon has woken up for nothing, to do so again at once.
 * @param before how many times until now
 * @throws AssertionFailed when it does so again and again
 */
export function countSpins(
  before: number,
  events: readonly (Request | Report)[],
  { wakeAtMs, changes }: Step,
  nowMs: number,
): number {
  const isIdle = events.every(({ type }) => type === "tick") && changes.log.length === 0;
  const isAtOnce = wakeAtMs !== undefined && wakeAtMs <= nowMs + 1;
  const spins = isIdle && isAtOnce ? before + 1 : 0;
  assert(spins < MOST_SPINS, "the daemon wakes up again and again for nothing");
  return spins;
}
