import { createTimeHeap } from "../scheduler/time-heap.ts";

/** What happens at which virtual time. Things of the same time happen in the order in which they were entered. */
export interface Agenda {
  readonly nowMs: number;
  /** Enters something that happens `inMs` from now. */
  later(inMs: number, act: () => void): void;
  /** Moves the clock to the next entry and does it. @returns false when nothing is entered. */
  next(): boolean;
}

/** An empty agenda whose clock stands at `startMs`: entering and taking cost O(log n). */
export function createAgenda(startMs: number): Agenda {
  const acts = createTimeHeap<() => void>();
  let nowMs = startMs;
  return {
    get nowMs() {
      return nowMs;
    },
    later: (inMs, act) => acts.add(nowMs + Math.max(0, Math.round(inMs)), act),
    next() {
      const atMs = acts.nextAtMs();
      const act = acts.takeDue(atMs);
      if (act === undefined) return false;
      nowMs = atMs;
      act();
      return true;
    },
  };
}
