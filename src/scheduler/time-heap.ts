interface Entry<T> {
  readonly atMs: number;
  readonly order: number;
  readonly item: T;
}

/** Things by time, earliest first; those of one time in the order in which they were added. */
export interface TimeHeap<T> {
  add(atMs: number, item: T): void;
  /** Time of the earliest, or infinity. */
  nextAtMs(): number;
  /** Takes the earliest that is due at `nowMs`, or undefined. */
  takeDue(nowMs: number): T | undefined;
}

/** An empty binary heap: adding and taking cost O(log n). */
export function createTimeHeap<T>(): TimeHeap<T> {
  const heap: Entry<T>[] = [];
  let order = 0;
  return {
    add(atMs, item) {
      order += 1;
      heap.push({ atMs, order, item });
      siftUp(heap);
    },
    nextAtMs: () => heap[0]?.atMs ?? Number.POSITIVE_INFINITY,
    takeDue(nowMs) {
      const first = heap[0];
      if (first === undefined || first.atMs > nowMs) return undefined;
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) {
        heap[0] = last;
        siftDown(heap);
      }
      return first.item;
    },
  };
}

function isBefore<T>(left: Entry<T>, right: Entry<T>): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

function siftUp<T>(heap: Entry<T>[]): void {
  let at = heap.length - 1;
  while (at > 0) {
    const above = (at - 1) >>> 1;
    if (!swapIfBefore(heap, at, above)) return;
    at = above;
  }
}

function siftDown<T>(heap: Entry<T>[]): void {
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
function swapIfBefore<T>(heap: Entry<T>[], lower: number, upper: number): boolean {
  const below = heap[lower];
  const above = heap[upper];
  if (below === undefined || above === undefined || !isBefore(below, above)) return false;
  heap[lower] = above;
  heap[upper] = below;
  return true;
}
