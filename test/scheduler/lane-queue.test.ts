import { describe, expect, it } from "vitest";
import { createDeadlineHeap } from "../../src/scheduler/deadlines.ts";
import { createJob } from "../../src/scheduler/job.ts";
import type { Job } from "../../src/scheduler/job-model.ts";
import { createLaneQueue } from "../../src/scheduler/lane-queue.ts";
import { createState, laneFor } from "../../src/scheduler/state.ts";
import { termsFor } from "../../src/scheduler/terms.ts";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { testPolicy } from "../kit/policy.ts";
import { model } from "../kit/scheduler.ts";

const state = createState(testPolicy());
const { lane } = laneFor(state, model("sdxl"));

/** A job of the lane that is in no queue yet. */
function entry(id: number, priority = 0, user = "ann", submittedAtMs = id): Job {
  const terms = termsFor(state, lane, {
    priority,
    retries: 0,
    retryDelayMs: 1_000,
    timeLimitMs: null,
    accounts: [`user:${user}`],
    preemptible: false,
    estimateKey: null,
  });
  return createJob({ id, terms, submittedAtMs, attempts: 0, extras: null });
}

/** What a lane's queue should be: a sorted list. */
const inOrder = (entries: readonly Job[]): Job[] =>
  [...entries].sort((left, right) => right.priority - left.priority || left.id - right.id);

function compare(queue: ReturnType<typeof createLaneQueue>, entries: readonly Job[], rng: Rng): void {
  const sorted = inOrder(entries);
  expect(queue.size).toBe(sorted.length);
  expect(queue.peek()).toBe(sorted[0]?.id);
  expect(queue.list(5)).toEqual(sorted.slice(0, 5).map((entry) => entry.id));
  if (sorted.length === 0) return;
  expect(queue.headRank()).toBe(sorted[0]?.priority);
  const some = rng.pick(sorted);
  expect(queue.ahead(some)).toBe(sorted.indexOf(some));
}

describe("a lane's queue", () => {
  it.each([1, 2, 3, 4, 5])("behaves like a sorted list (seed %i)", (seed) => {
    const rng = createRng(seed);
    const queue = createLaneQueue();
    let entries: Job[] = [];
    const removed: Job[] = [];
    let nextId = 1;
    for (let turn = 0; turn < 3_000; turn++) {
      const draw = rng.next();
      if (draw < 0.45) {
        const fresh = entry(nextId++, rng.pick([0, 0, 0, 7, -3]), rng.pick(["ann", "bob"]));
        queue.add(fresh);
        entries.push(fresh);
      } else if (draw < 0.55 && removed.length > 0) {
        // A job that waited for its retry comes back with its old id.
        const [back] = removed.splice(rng.below(removed.length), 1);
        if (back) {
          queue.add(back);
          entries.push(back);
        }
      } else if (entries.length > 0) {
        const gone = rng.chance(0.6) ? inOrder(entries)[0] : rng.pick(entries);
        if (gone) {
          expect(queue.remove(gone)).toBe(true);
          expect(queue.remove(gone)).toBe(false);
          entries = entries.filter((other) => other !== gone);
          removed.push(gone);
        }
      }
      compare(queue, entries, rng);
    }
  });

  it("gives memory back and stays in order over many thousands of jobs", () => {
    const queue = createLaneQueue();
    for (let id = 1; id <= 20_000; id++) queue.add(entry(id));
    for (let id = 1; id <= 15_000; id++) {
      expect(queue.peek()).toBe(id);
      queue.remove(entry(id));
    }
    queue.add(entry(3));
    expect(queue.list(3)).toEqual([3, 15_001, 15_002]);
    expect(queue.ahead(entry(15_002))).toBe(2);
  });

  it("refuses the same job twice", () => {
    const queue = createLaneQueue();
    queue.add(entry(1));
    expect(() => queue.add(entry(1))).toThrow("job 1 is queued twice");
    expect(() => createLaneQueue().headRank()).toThrow("an empty queue has no head");
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
