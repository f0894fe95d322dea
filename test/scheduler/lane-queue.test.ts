import { describe, expect, it } from "vitest";
import { createDeadlineHeap } from "../../src/scheduler/deadlines.ts";
import { createLaneQueue } from "../../src/scheduler/lane-queue.ts";
import { createRng, type Rng } from "../../src/std/rng.ts";

interface Entry {
  readonly id: number;
  readonly priority: number;
}

/** What a lane's queue should be: a sorted list. */
const inOrder = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((left, right) => right.priority - left.priority || left.id - right.id);

function compare(queue: ReturnType<typeof createLaneQueue>, entries: readonly Entry[], rng: Rng): void {
  const sorted = inOrder(entries);
  expect(queue.size).toBe(sorted.length);
  expect(queue.peek()).toBe(sorted[0]?.id);
  expect(queue.list(5)).toEqual(sorted.slice(0, 5).map((entry) => entry.id));
  if (sorted.length === 0) return;
  expect(queue.headPriority()).toBe(sorted[0]?.priority);
  const some = rng.pick(sorted);
  expect(queue.ahead(some.id, some.priority)).toBe(sorted.indexOf(some));
}

describe("a lane's queue", () => {
  it.each([1, 2, 3, 4, 5])("behaves like a sorted list (seed %i)", (seed) => {
    const rng = createRng(seed);
    const queue = createLaneQueue();
    let entries: Entry[] = [];
    const removed: Entry[] = [];
    let nextId = 1;
    for (let turn = 0; turn < 3_000; turn++) {
      const draw = rng.next();
      if (draw < 0.45) {
        const entry = { id: nextId++, priority: rng.pick([0, 0, 0, 7, -3]) };
        queue.add(entry.id, entry.priority);
        entries.push(entry);
      } else if (draw < 0.55 && removed.length > 0) {
        // A job that waited for its retry comes back with its old id.
        const [entry] = removed.splice(rng.below(removed.length), 1);
        if (entry) {
          queue.add(entry.id, entry.priority);
          entries.push(entry);
        }
      } else if (entries.length > 0) {
        const entry = rng.chance(0.6) ? inOrder(entries)[0] : rng.pick(entries);
        if (entry) {
          expect(queue.remove(entry.id, entry.priority)).toBe(true);
          expect(queue.remove(entry.id, entry.priority)).toBe(false);
          entries = entries.filter((other) => other !== entry);
          removed.push(entry);
        }
      }
      compare(queue, entries, rng);
    }
  });

  it("gives memory back and stays in order over many thousands of jobs", () => {
    const queue = createLaneQueue();
    for (let id = 1; id <= 20_000; id++) queue.add(id, 0);
    for (let id = 1; id <= 15_000; id++) {
      expect(queue.peek()).toBe(id);
      queue.remove(id, 0);
    }
    queue.add(3, 0);
    expect(queue.list(3)).toEqual([3, 15_001, 15_002]);
    expect(queue.ahead(15_002, 0)).toBe(2);
  });

  it("refuses the same job twice", () => {
    const queue = createLaneQueue();
    queue.add(1, 0);
    expect(() => queue.add(1, 0)).toThrow("job 1 is queued twice");
    expect(() => createLaneQueue().headPriority()).toThrow("an empty queue has no head");
  });
});

describe("the heap of deadlines", () => {
  it.each([1, 2, 3])("gives what is due, earliest first (seed %i)", (seed) => {
    const rng = createRng(seed);
    const heap = createDeadlineHeap();
    let times: number[] = [];
    for (let turn = 0; turn < 2_000; turn++) {
      if (rng.chance(0.6)) {
        const atMs = rng.below(1_000);
        heap.add({ atMs, kind: "hold", id: turn });
        times.push(atMs);
      } else {
        const nowMs = rng.below(1_000);
        times = times.sort((left, right) => left - right);
        const due = (times[0] ?? Number.POSITIVE_INFINITY) <= nowMs ? times.shift() : undefined;
        expect(heap.takeDue(nowMs)?.atMs).toBe(due);
      }
      expect(heap.nextAtMs()).toBe(times.length === 0 ? undefined : Math.min(...times));
    }
  });
});
