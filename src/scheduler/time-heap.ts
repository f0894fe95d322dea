import { createHeap } from "./heap.ts";

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

/** An empty heap of things to come. */
export function createTimeHeap<T>(): TimeHeap<T> {
  const heap = createHeap<Entry<T>>(
    (left, right) => left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order),
  );
  let order = 0;
  const nextAtMs = (): number => heap.first()?.atMs ?? Number.POSITIVE_INFINITY;
  return {
    add(atMs, item) {
      order += 1;
      heap.add({ atMs, order, item });
    },
    nextAtMs,
    takeDue: (nowMs) => (nextAtMs() <= nowMs ? heap.take()?.item : undefined),
  };
}
