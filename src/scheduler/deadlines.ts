/** Something to look at again at a given time. Whether it still matters is decided when it comes up. */
export interface Deadline {
  readonly atMs: number;
  readonly kind: "hold" | "deadline" | "plan" | "schedule" | "reservation";
  /** Job id as a number, or whom else it is about as text. */
  readonly id: number | string;
}

/** A binary min-heap by time. Entries are never removed early: they are checked when they come up. */
export interface DeadlineHeap {
  add(deadline: Deadline): void;
  /** Time of the earliest entry, or undefined. */
  nextAtMs(): number | undefined;
  /** Takes the earliest entry that is due at `nowMs`, or undefined. */
  takeDue(nowMs: number): Deadline | undefined;
  /** Another heap of the same entries. */
  copy(): DeadlineHeap;
}

/** An empty heap. */
export function createDeadlineHeap(): DeadlineHeap {
  return heapOf([]);
}

function heapOf(heap: Deadline[]): DeadlineHeap {
  const at = (index: number): number => heap[index]?.atMs ?? Number.POSITIVE_INFINITY;
  const swap = (left: number, right: number): void => {
    const held = heap[left] as Deadline;
    heap[left] = heap[right] as Deadline;
    heap[right] = held;
  };
  const siftUp = (start: number): void => {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (at(parent) <= at(index)) return;
      swap(parent, index);
      index = parent;
    }
  };
  const siftDown = (): void => {
    let index = 0;
    for (;;) {
      const left = index * 2 + 1;
      const smaller = at(left + 1) < at(left) ? left + 1 : left;
      if (at(smaller) >= at(index)) return;
      swap(smaller, index);
      index = smaller;
    }
  };
  return {
    add(deadline) {
      heap.push(deadline);
      siftUp(heap.length - 1);
    },
    nextAtMs: () => heap[0]?.atMs,
    copy: () => heapOf(heap.slice()),
    takeDue(nowMs) {
      const first = heap[0];
      if (!first || first.atMs > nowMs) return undefined;
      const last = heap.pop() as Deadline;
      if (heap.length > 0) {
        heap[0] = last;
        siftDown();
      }
      return first;
    },
  };
}
