import { describe, expect, it } from "vitest";
import { switchCostMs } from "../../src/scheduler/estimate.ts";
import { quantumMs } from "../../src/scheduler/lane-view.ts";
import type { LaneSpec } from "../../src/scheduler/model.ts";
import { longestWaitMs } from "../../src/sim/check-waits.ts";
import { type LaneProfile, laneSpec } from "../../src/sim/lane-profiles.ts";
import { chooseOptions, GIB, noFaults, type SimOptions } from "../../src/sim/options.ts";
import { newJob } from "../../src/sim/users.ts";
import { createWorld, type World } from "../../src/sim/world.ts";
import { must } from "../../src/std/assert.ts";
import { testPolicy } from "../kit/policy.ts";

const JOB_MS = 1_000;
const LOAD_MS = 4_000;
const FACTOR = 4;
/** Jobs of each lane that run first, so that a switch and a run are measured and no longer guessed. */
const PRIMERS = 3;

const models = (count: number): LaneSpec[] =>
  Array.from({ length: count }, (_, index) => laneSpec(`model-${index}`, { stopTimeoutMs: 2_000 }));

function profileOf(spec: LaneSpec): LaneProfile {
  return { spec, loadMs: LOAD_MS, jobMs: JOB_MS };
}

function worldOf(seed: number, lanes: readonly LaneSpec[]): World {
  const options: SimOptions = chooseOptions(seed, {
    gpus: [{ totalBytes: 24 * GIB }],
    lanes: lanes.map(profileOf),
    policy: testPolicy({ cpuCores: 1, quantumFactor: FACTOR }),
    faults: noFaults,
    requestEveryMs: null,
    editEveryMs: null,
    scheduleEveryMs: null,
    compareRate: 0.01,
  });
  const world = createWorld(seed, options);
  for (const lane of lanes) submit(world, ...Array.from({ length: PRIMERS }, () => lane));
  const count = PRIMERS * lanes.length;
  runUntil(world, () => world.daemon.mirror.jobs.size >= count && world.daemon.state?.jobs.size === 0);
  return world;
}

function submit(world: World, ...lanes: readonly LaneSpec[]): void {
  world.daemon.ask({ type: "submit", jobs: lanes.map((lane) => newJob(lane)) });
}

function runUntil(world: World, isDone: () => boolean): void {
  let steps = 0;
  while (!isDone()) {
    steps += 1;
    if (!world.next() || steps > 1_000_000) throw new Error("it never comes to an end");
  }
}

/** Runs until `count` more jobs were taken in and all of them are finished. */
function finish(world: World, count: number): Service[] {
  const primers = PRIMERS * (world.daemon.state?.lanes.size ?? 0);
  const total = primers + count;
  runUntil(world, () => world.daemon.mirror.jobs.size >= total && world.daemon.state?.jobs.size === 0);
  const all = services(world).slice(primers);
  expect(all).toHaveLength(count);
  return all;
}

function serves(world: World, { key }: LaneSpec): boolean {
  const workers = [...(world.daemon.state?.workers.values() ?? [])];
  return workers.some((worker) => worker.lane.spec.key === key && worker.jobs.size > 0);
}

interface Service {
  readonly lane: string;
  readonly submittedAtMs: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly workerId: number;
}

/** All runs in the order in which they began. */
function services(world: World): Service[] {
  return [...world.daemon.mirror.jobs.values()]
    .map(({ live, attempts, end }) => {
      const attempt = must(attempts.get(1), "a run");
      const { startedAtMs, workerId } = attempt;
      const endedAtMs = must(end, "an end").atMs;
      return {
        lane: live.laneKey,
        submittedAtMs: live.submittedAtMs,
        startedAtMs,
        endedAtMs,
        workerId,
      };
    })
    .sort((left, right) => left.startedAtMs - right.startedAtMs);
}

/** Longest time that jobs of `lane` waited without any of them being handed over. */
function measuredWaitMs(all: readonly Service[], lane: string): number {
  const own = all.filter((service) => service.lane === lane);
  let longest = 0;
  let servedAtMs = 0;
  for (const { startedAtMs, submittedAtMs } of own) {
    longest = Math.max(longest, startedAtMs - Math.max(servedAtMs, submittedAtMs));
    servedAtMs = startedAtMs;
  }
  return longest;
}

/** Workers started one after another: each but the first is a switch. */
function switches(all: readonly Service[]): number {
  return new Set(all.map((service) => service.workerId)).size - 1;
}

/** Invariant 7 for lanes that are all alike. */
function boundMs(lanes: readonly LaneSpec[]): number {
  const profiles = lanes.map(profileOf);
  return longestWaitMs(profiles, must(profiles[0], "a lane"), FACTOR);
}

describe("fairness on one GPU", () => {
  it("serves a single job of B though A's stream never ends [fault 45]", () => {
    const [a, b] = models(2) as [LaneSpec, LaneSpec];
    const world = worldOf(1, [a, b]);
    submit(world, ...Array.from({ length: 40 }, () => a));
    runUntil(world, () => serves(world, a));
    submit(world, b);
    let submitted = 41;
    runUntil(world, () => {
      const left = world.daemon.state?.jobs.size ?? 0;
      if (left < 30 && submitted < 400) {
        submit(world, a, a, a, a, a);
        submitted += 5;
      }
      return submitted >= 400;
    });
    const all = finish(world, submitted);
    expect(measuredWaitMs(all, b.key)).toBeLessThanOrEqual(boundMs([a, b]));
    expect(all.at(-1)?.lane).toBe(a.key);
    expect(switches(all)).toBe(2);
  });

  it.each([2, 3, 5])("lets none of %i lanes with endless work wait longer than the bound", (count) => {
    const lanes = models(count);
    const world = worldOf(count, lanes);
    for (const lane of lanes) submit(world, ...Array.from({ length: 300 }, () => lane));
    const all = finish(world, count * 300);
    for (const { key } of lanes) expect(measuredWaitMs(all, key)).toBeLessThanOrEqual(boundMs(lanes));
  });

  it("handles ABAB… of 1,000 jobs with no more switches than quanta [fault 44]", () => {
    const [a, b] = models(2) as [LaneSpec, LaneSpec];
    const world = worldOf(7, [a, b]);
    submit(world, ...Array.from({ length: 1_000 }, (_, index) => (index % 2 === 0 ? a : b)));
    const all = finish(world, 1_000);
    const busyMs = all.reduce((sum, service) => sum + service.endedAtMs - service.startedAtMs, 0);
    const lanes = [...(world.daemon.state?.lanes.values() ?? [])];
    const state = must(world.daemon.state, "the daemon is up");
    const shortestMs = Math.min(...lanes.map((lane) => quantumMs(state, lane)));
    expect(Math.min(...lanes.map(switchCostMs))).toBeGreaterThan(1_000);
    expect(switches(all)).toBeGreaterThan(2);
    expect(switches(all)).toBeLessThanOrEqual(Math.ceil((2 * busyMs) / shortestMs));
    const lastEndMs = Math.max(...all.map((service) => service.endedAtMs));
    const firstStartMs = must(all[0], "a run").startedAtMs;
    // Overhead of switching stays below 1 / (1 + factor), and what the virtual host adds on the way.
    expect((lastEndMs - firstStartMs) / busyMs).toBeLessThan(1 + 1 / FACTOR + 0.15);
  });

  it("evicts at once for a job of higher priority, and never for one of lower", () => {
    const [a, b] = models(2) as [LaneSpec, LaneSpec];
    const world = worldOf(9, [a, b]);
    world.daemon.ask({
      type: "submit",
      jobs: Array.from({ length: 60 }, () => newJob(a, { priority: 1 })),
    });
    runUntil(world, () => serves(world, a));
    submit(world, b);
    world.daemon.ask({ type: "submit", jobs: [newJob(b, { priority: 0 })] });
    const all = finish(world, 62);
    expect(all.slice(-2).map((service) => service.lane)).toEqual([b.key, b.key]);
    expect(switches(all)).toBe(1);
  });
});
