import { createHeap, type Heap } from "./heap.ts";

/** Something to look at again at a given time. Whether it still matters is decided when it comes up. */
export interface Deadline {
  readonly atMs: number;
  readonly kind: "hold" | "deadline" | "plan" | "schedule" | "reservation";
  /** Job id as a number, or whom else it is about as text. */
  readonly id: number | string;
}

/** Deadlines, earliest first. Entries are never removed early: they are checked when they come up. */
export interface DeadlineHeap {
  add(deadline: Deadline): void;
  /** Time of the earliest entry, or undefined. */
  nextAtMs(): number | undefined;
  /** Takes the earliest entry that is due at `nowMs`, or undefined. */
  takeDue(nowMs: number): Deadline | undefined;
  size(): number;
  /** Another heap of the same entries, or of the earliest `most`. */
  copy(most: number): DeadlineHeap;
}

/** An empty heap. */
export function createDeadlineHeap(): DeadlineHeap {
  return deadlinesIn(createHeap((left, right) => left.atMs < right.atMs));
}

function deadlinesIn(heap: Heap<Deadline>): DeadlineHeap {
  const nextAtMs = (): number | undefined => heap.first()?.atMs;
  return {
    add: (deadline) => heap.add(deadline),
    nextAtMs,
    takeDue: (nowMs) => ((nextAtMs() ?? Number.POSITIVE_INFINITY) <= nowMs ? heap.take() : undefined),
    size: () => heap.size(),
    copy(most) {
      const whole = heap.copy();
      if (whole.size() <= most) return deadlinesIn(whole);
      const cut = createDeadlineHeap();
      for (let count = 0; count < most; count += 1) {
        const next = whole.take();
        if (next) cut.add(next);
      }
      return cut;
    },
  };
}
