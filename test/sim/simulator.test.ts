import { describe, expect, it } from "vitest";
import { main } from "../../src/sim/main.ts";
import { describeEntry, describeResult, runSeed } from "../../src/sim/run-seed.ts";

const SEEDS = 1_000;

describe("the scheduler in the simulator", () => {
  it(`holds all its rules and finishes all jobs for ${SEEDS} seeds`, { timeout: 240_000 }, () => {
    const kinds = new Set<string>();
    let jobs = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = runSeed(seed);
      if (result.failure !== null) expect.fail(describeResult(result));
      jobs += result.jobs;
      for (const entry of result.trace) {
        for (const { type } of entry.events) kinds.add(type);
        for (const { type } of entry.effects) kinds.add(type);
      }
    }
    // A simulator that does nothing finds nothing: every kind of event and effect must have come up, and real load.
    expect(jobs).toBeGreaterThan(SEEDS * 50);
    expect([...kinds].sort()).toEqual([
      "cancel",
      "cancel-job",
      "gpus-seen",
      "hold",
      "job-ended",
      "pin-worker",
      "release",
      "run-job",
      "shut-down",
      "start-worker",
      "stop-worker",
      "submit",
      "tick",
      "worker-exited",
      "worker-ready",
      "worker-spawned",
      "worker-start-failed",
      "worker-step",
    ]);
  });

  it("takes the very same steps when a seed is run again", () => {
    for (const seed of [3, 42, 777]) {
      const first = runSeed(seed).trace.map(describeEntry);
      expect(first.length).toBeGreaterThan(100);
      expect(runSeed(seed).trace.map(describeEntry)).toEqual(first);
    }
    expect(runSeed(43).trace.map(describeEntry)).not.toEqual(runSeed(42).trace.map(describeEntry));
  });

  it("runs one seed from the command line and refuses what it does not know", () => {
    const lines: string[] = [];
    expect(main(["--seed", "5"], (text) => lines.push(text))).toBe(0);
    expect(lines.join("")).toMatch(/^seed 5: \d+ steps, \d+ events, \d+ jobs, [\d.]+ virtual s: ok\n$/);
    expect(main(["--sead", "5"], (text) => lines.push(text))).toBe(2);
    expect(lines.at(-1)).toContain("usage:");
  });
});
