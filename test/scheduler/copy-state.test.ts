import { describe, expect, it } from "vitest";
import { copyState } from "../../src/scheduler/copy-state.ts";
import { fastForward } from "../../src/scheduler/fast-forward.ts";
import { forecastPlan, forecastStart, forecastSubmit } from "../../src/scheduler/forecast.ts";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import type { State } from "../../src/scheduler/model.ts";
import { newJob } from "../../src/sim/users.ts";
import { randomBench } from "../kit/random-bench.ts";
import { Bench, model } from "../kit/scheduler.ts";

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);

/** The copy with all that it would copy later, so that it can be compared as a whole. */
function wholeCopy(state: State): State {
  const copy = copyState(state);
  const jobs = [...state.jobs.keys()].map((id) => [id, copy.jobs.get(id)] as const);
  const dependents = [...state.dependents.keys()].map((id) => [id, copy.dependents.get(id)] as const);
  return { ...copy, jobs: new Map(jobs), dependents: new Map(dependents) } as State;
}

/** A graph as text: every object gets a number where it is first met, so that what refers to what is told as well. */
function textOf(root: unknown): string {
  const numbers = new Map<object, number>();
  const lines: string[] = [];
  const nameOf = (value: unknown): string => {
    if (typeof value === "function") throw new Error("a function may close over the live state");
    if (typeof value !== "object" || value === null) return String(value);
    const known = numbers.get(value);
    if (known !== undefined) return `#${known}`;
    const number = numbers.size;
    numbers.set(value, number);
    lines.push(`#${number} ${value.constructor.name} ${partsOf(value).map(nameOf).join(" ")}`);
    return `#${number}`;
  };
  nameOf(root);
  return lines.join("\n");
}

function partsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat();
  if (value instanceof Set) return [...value];
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flat();
}

/** What stands for itself: lanes that are left out, terms that only new jobs look up, marks of what is borrowed. */
function comparable(state: State): unknown {
  const { policy: _, terms: __, runGroups: ___, lanes: ____, deadlines, ...rest } = state;
  const due: unknown[] = [];
  const heap = deadlines.copy(Number.POSITIVE_INFINITY);
  for (let next = heap.takeDue(Number.POSITIVE_INFINITY); next; next = heap.takeDue(Number.POSITIVE_INFINITY))
    due.push(next);
  // Of another class, which only the live one needs.
  return { ...rest, jobs: new Map(rest.jobs), due };
}

const withoutMarks = (text: string): string => text.replaceAll(/isBorrowed (true|false)/g, "");

/** All objects that can be reached. */
function reach(root: unknown, found = new Set<object>()): Set<object> {
  if (typeof root !== "object" || root === null || found.has(root)) return found;
  found.add(root);
  for (const part of partsOf(root)) reach(part, found);
  return found;
}

describe("a copy", () => {
  it.each(SEEDS)("stands as the live state does, and shares nothing with it (seed %i)", (seed) => {
    const { state } = randomBench(seed);
    const copy = wholeCopy(state);
    expect(withoutMarks(textOf(comparable(copy)))).toBe(withoutMarks(textOf(comparable(state))));
    const live = reach(comparable(state));
    const shared = [...reach(comparable(copy))].filter((each) => live.has(each));
    // Numbers in a queue's list are copied when it changes.
    expect(shared.filter((each) => !isPlainNumbers(each) && !isDeadline(each))).toEqual([]);
  });

  it.each(SEEDS)("goes its own way: the live state stays as it is (seed %i)", (seed) => {
    const bench = randomBench(seed);
    const { state, nowMs } = bench;
    const before = textOf(comparable(state));
    const copy = copyState(state);
    fastForward({
      state: copy,
      nowMs,
      events: [{ type: "submit", atMs: nowMs, jobs: [newJob(model("new"))] }],
      durations: {
        startMs: () => 3_000,
        stopMs: () => 500,
        sleepMs: () => 200,
        wakeMs: () => 400,
        runMs: () => 7_000,
      },
      onStep: () => undefined,
    });
    const [job] = state.jobs.values();
    forecastPlan(state, nowMs, 1_000);
    if (job) forecastStart(state, nowMs, job);
    forecastSubmit(state, nowMs, newJob(model("a")));
    expect(textOf(comparable(state))).toBe(before);
    checkInvariants(state);
    bench.pass(60_000);
  });

  it("knows of a million jobs and copies those that it looks at", () => {
    const bench = new Bench();
    const lane = model("m");
    for (let block = 0; block < 100; block++)
      bench.send({ type: "submit", jobs: Array.from({ length: 100 }, () => newJob(lane)) });
    const copy = copyState(bench.state);
    const { queue } = [...copy.waiting][0] ?? { queue: undefined };
    expect(queue?.size).toBe(10_000);
    expect(copy.jobs.size, "none was looked at").toBe(0);
    expect(copy.jobs.get(5_000)).toMatchObject({ id: 5_000 });
    expect(copy.jobs.get(5_000)).not.toBe(bench.state.jobs.get(5_000));
    expect([copy.jobs.has(1), copy.jobs.delete(1), copy.jobs.has(1), copy.jobs.get(1)]).toEqual([
      true,
      true,
      false,
      undefined,
    ]);
  });
});

function isPlainNumbers(value: object): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

function isDeadline(value: object): boolean {
  return "atMs" in value && "kind" in value;
}
