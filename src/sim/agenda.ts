/** What happens at which virtual time. Things of the same time happen in the order in which they were entered. */
export interface Agenda {
  readonly nowMs: number;
  /** Enters something that happens `inMs` from now. */
  later(inMs: number, act: () => void): void;
  /** Moves the clock to the next entry and does it. @returns false when nothing is entered. */
  next(): boolean;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

/** An empty agenda whose clock stands at `startMs`. A binary heap: entering and taking cost O(log n). */
export function createAgenda(startMs: number): Agenda {
  const heap: Entry[] = [];
  let nowMs = startMs;
  let order = 0;
  return {
    get nowMs() {
      return nowMs;
    },
    later(inMs, act) {
      order += 1;
      heap.push({ atMs: nowMs + Math.max(0, Math.round(inMs)), order, act });
      siftUp(heap);
    },
    next() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return false;
      if (heap.length > 0) {
        heap[0] = last;
        siftDown(heap);
      }
      nowMs = first.atMs;
      first.act();
      return true;
    },
  };
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

function siftUp(heap: Entry[]): void {
  let at = heap.length - 1;
  while (at > 0) {
    const above = (at - 1) >>> 1;
    if (!swapIfBefore(heap, at, above)) return;
    at = above;
  }
}

function siftDown(heap: Entry[]): void {
  let at = 0;
  for (;;) {
    let smallest = at * 2 + 1;
    const left = heap[smallest];
    if (left === undefined) return;
    const right = heap[smallest + 1];
    if (right !== undefined && isBefore(right, left)) smallest += 1;
    if (!swapIfBefore(heap, smallest, at)) return;
    at = smallest;
  }
}

/** Puts the entry at `lower` above the one at `upper` if it comes first. */
function swapIfBefore(heap: Entry[], lower: number, upper: number): boolean {
  const below = heap[lower];
  const above = heap[upper];
  if (below === undefined || above === undefined || !isBefore(below, above)) return false;
  heap[lower] = above;
  heap[upper] = below;
  return true;
}
