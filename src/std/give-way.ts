import { systemClock } from "./clock.ts";

/**
 * So much of the large work of a turn of the event loop is done before the rest waits for the next one. Whoever waits for an
 * answer may wait for 50 ms: this, a step of the scheduler and its commit have to fit.
 */
const SLICE_MS = 8;

// A process has one event loop, so there is one of this.
let turnSinceMs: number | null = null;
/** Somebody was let go on, and has not yet got as far as the next await. */
let isAtWork = false;
const waiting: (() => void)[] = [];

/**
 * To be called, and awaited at once, between two pieces of a work that may take long: all such works share the turns of the
 * event loop, in the order in which they come.
 * @returns undefined where nobody waits and there is time left in this turn
 */
export function giveWay(): Promise<void> | undefined {
  if (turnSinceMs === null) beginTurn();
  if (isAtWork || waiting.length > 0 || isTurnOver()) return new Promise((resolve) => waiting.push(resolve));
  isAtWork = true;
  // The caller goes on after the first of these and before the second.
  queueMicrotask(() => queueMicrotask(() => void letGo()));
  return undefined;
}

/** A computation that pauses where others may have their turn. */
export type Steps<T> = Generator<void, T, void>;

/** Runs it to its end, others or not. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Runs it to its end, and gives way at each pause. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await giveWay();
  }
}

function beginTurn(): void {
  turnSinceMs = systemClock.monotonicMs();
  setImmediate(() => {
    turnSinceMs = null;
    if (waiting.length === 0) return;
    beginTurn();
    void letGo();
  });
}

/** As many as there is time for: what each does before it gives way again happens while this one awaits. */
async function letGo(): Promise<void> {
  isAtWork = true;
  while (waiting.length > 0 && !isTurnOver()) {
    waiting.shift()?.();
    await Promise.resolve();
  }
  isAtWork = false;
}

function isTurnOver(): boolean {
  return turnSinceMs !== null && systemClock.monotonicMs() - turnSinceMs >= SLICE_MS;
}
