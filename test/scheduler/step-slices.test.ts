import { describe, expect, it } from "vitest";
import type { Event, NewJob } from "../../src/scheduler/events.ts";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import type { Condition } from "../../src/scheduler/job-model.ts";
import type { State } from "../../src/scheduler/model.ts";
import { createState } from "../../src/scheduler/state.ts";
import { type Step, step, stepInSlices } from "../../src/scheduler/step.ts";
import { compareStates } from "../../src/sim/compare-states.ts";
import { newJob } from "../../src/sim/users.ts";
import { testPolicy } from "../kit/policy.ts";
import { command } from "../kit/scheduler.ts";

const lane = command("task", { gpuCount: 0, cpuCores: 1 });
const JOBS = 1_000;
const MOST = 30;
const DUE_MS = 100_000;

const after = (jobId: number, condition: Condition) => ({ jobId, condition, outcome: "live" as const });

/** One held job, many that wait for it in three ways, some of those for each other, and some that have their time. */
function crowd(): State {
  const state = createState(testPolicy());
  const make = (id: number): NewJob => {
    if (id === 1) return newJob(lane, { hold: true });
    const condition = (["succeeded", "failed", "any"] as const)[id % 3] ?? "any";
    if (id % 10 === 4) return newJob(lane, { notBeforeMs: DUE_MS });
    if (id % 10 === 5) return newJob(lane, { hold: true, deadlineMs: DUE_MS });
    return newJob(lane, { after: [after(id % 7 === 0 ? id - 1 : 1, condition)] });
  };
  for (let id = 1; id <= JOBS; id += 1) step(state, [{ type: "submit", atMs: 1_000, jobs: [make(id)] }]);
  return state;
}

/** Takes the events in slices; gives all that came of them. */
function sliced(state: State, events: readonly Event[]): { slices: Step[]; last: Step } {
  const all = stepInSlices(state, events, MOST);
  const slices: Step[] = [];
  for (;;) {
    const { done, value } = all.next();
    if (done === true) return { slices, last: value };
    slices.push(value);
  }
}

const cancelFirst: Event = { type: "cancel", jobId: 1, atMs: 2_000 };
const cases: Record<string, readonly Event[]> = {
  "the end of a job that many wait for": [cancelFirst],
  "that end, and others that are asked for together with it": [
    cancelFirst,
    { type: "cancel", jobId: 2, atMs: 2_000 },
    { type: "cancel", jobId: 998, atMs: 2_000 },
    { type: "hold", jobId: 500, atMs: 2_000 },
  ],
  "a time at which many are due": [{ type: "tick", atMs: DUE_MS }],
  "both at once": [{ ...cancelFirst, atMs: DUE_MS }],
};

describe("a step in slices", () => {
  it.each(Object.entries(cases))("comes to the same as a whole one: %s", (_what, events) => {
    const whole = crowd();
    const cut = crowd();
    const { changes, replies } = step(whole, events);
    const { slices, last } = sliced(cut, events);
    expect(slices.length, "more than one turn").toBeGreaterThan(2);
    for (const slice of slices) {
      expect(slice.effects).toEqual([]);
      expect(slice.changes.jobs.size + slice.changes.ended.length).toBeLessThanOrEqual(
        2 * MOST + events.length,
      );
    }
    checkInvariants(cut);
    compareStates(cut, whole);
    expect(last.replies).toEqual(replies);
    const ends = [...slices, last].flatMap((slice) => slice.changes.ended.map(({ job }) => job.id));
    expect(ends.toSorted((a, b) => a - b)).toEqual(
      changes.ended.map(({ job }) => job.id).toSorted((a, b) => a - b),
    );
    expect(new Set(ends).size, "each ends once").toBe(ends.length);
  });

  it("that is small is whole", () => {
    const { slices } = sliced(crowd(), [{ type: "cancel", jobId: 999, atMs: 2_000 }]);
    expect(slices).toEqual([]);
  });
});
