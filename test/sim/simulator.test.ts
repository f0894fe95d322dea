import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { main, type Output } from "../../src/sim/main.ts";
import { describeEntry, describeResult, runSeed } from "../../src/sim/run-seed.ts";
import { must } from "../../src/std/assert.ts";
import { plantedBugs } from "./all-planted-bugs.ts";
import { bundleSimulator } from "./bundle-simulator.ts";

const SEEDS = 10_000;
/** A bug that only some seeds find, so that several threads come upon it at different seeds. */
const rareBug = must(
  plantedBugs.find(({ name }) => name === "a restart forgets when to try again"),
  "a planted bug",
);

const dir = mkdtempSync(join(tmpdir(), "orch-sim-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a bundled simulator as `npm run sim` does, in a process of its own. */
async function simulate(
  bundle: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = `
    const { main } = await import(process.argv[1]);
    const say = (stream) => (text) => stream.write(text);
    const output = { result: say(process.stdout), aside: say(process.stderr), isTerminal: false };
    process.exitCode = await main(process.argv.slice(2), output);`;
  const node = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, bundle, ...args]);
  return await node.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe("the scheduler in the simulator", () => {
  let bundle: string;
  beforeAll(async () => {
    bundle = await bundleSimulator("main.ts", join(dir, "sim.mjs"));
  });

  it(`holds all its rules and finishes all jobs for ${SEEDS} seeds [fault 20] [fault 46]`, {
    timeout: 480_000,
  }, async () => {
    const { code, stdout, stderr } = await simulate(bundle, "--seeds", String(SEEDS));
    expect(code, stdout).toBe(0);
    const counts = new Map<string, number>();
    for (const [, count, kind] of stdout.matchAll(/^ *(\d+) {2}(.+)$/gm))
      counts.set(kind ?? "", Number(count));
    // A simulator that does nothing finds nothing: every kind of event, effect and fault must have come up many times.
    expect([...counts.keys()].filter((kind) => (counts.get(kind) ?? 0) > SEEDS / 20)).toEqual([
      "add-reservation",
      "add-schedule",
      "cancel",
      "change-job",
      "clear-gpu",
      "declare-home",
      "effect cancel-job",
      "effect prepare-lane",
      "effect run-job",
      "effect sleep-worker",
      "effect start-worker",
      "effect stop-worker",
      "effect wake-worker",
      "eta-given",
      "fault clock-set",
      "fault commit-failed",
      "fault commit-slow",
      "fault daemon-died",
      "fault driver-hangs",
      "fault foreign-memory",
      "fault gpu-lost",
      "fault gpu-sick",
      "fire-schedule",
      "forget-learned",
      "gpus-seen",
      "hold",
      "job-ended",
      "lane-prepare-failed",
      "lane-prepared",
      "pause-schedule",
      "pin-worker",
      "preload",
      "release",
      "remove-reservation",
      "remove-schedule",
      "shut-down",
      "sleep-worker",
      "start-worker",
      "stop-worker",
      "submit",
      "tick",
      "wake-worker",
      "worker-asleep",
      "worker-exited",
      "worker-ready",
      "worker-sleep-failed",
      "worker-spawned",
      "worker-start-failed",
      "worker-step",
      "worker-stuck",
      "worker-woken",
    ]);
    const jobs = Number(/(\d+) jobs\n$/.exec(stdout)?.[1]);
    expect(jobs).toBeGreaterThan(SEEDS * 30);
    expect(stderr).toMatch(/^\d+ seeds, \d+ seeds\/s, \d+ events\/s\n$/);
  });

  it("names the lowest seed that fails, however many threads look, and finds it again", {
    timeout: 120_000,
  }, async () => {
    const broken = await bundleSimulator("main.ts", join(dir, "broken.mjs"), rareBug);
    const alone = await simulate(broken, "--seeds", "300", "--jobs", "1");
    const together = await simulate(broken, "--seeds", "300", "--jobs", "4");
    expect(alone.code).toBe(1);
    expect(together.stdout).toBe(alone.stdout);
    expect(alone.stdout).toMatch(/^seed \d+: .*: FAILED\n/);
    expect(alone.stdout).toMatch(/^options: \{"gpus":/m);
    const seed = /npm run sim -- --seed (\d+)\n$/.exec(alone.stdout)?.[1] ?? "";
    expect((await simulate(broken, "--seed", seed)).stdout).toBe(alone.stdout);
    const later = await simulate(broken, "--from", String(Number(seed) + 1), "--seeds", "1000");
    expect(Number(/^seed (\d+)/.exec(later.stdout)?.[1])).toBeGreaterThan(Number(seed));
  });

  it("takes the very same steps when a seed is run again", () => {
    for (const seed of [4, 42, 777]) {
      const first = runSeed(seed).trace.map(describeEntry);
      expect(first.length).toBeGreaterThan(50);
      expect(runSeed(seed).trace.map(describeEntry)).toEqual(first);
    }
    expect(runSeed(43).trace.map(describeEntry)).not.toEqual(runSeed(42).trace.map(describeEntry));
  });

  it("changes nothing in the world by checking more of it", () => {
    const usual = runSeed(42).trace.map(describeEntry);
    const thorough = runSeed(42, { invariantRate: 1, compareRate: 1 });
    expect(thorough.failure, describeResult(thorough)).toBeNull();
    expect(thorough.trace.map(describeEntry)).toEqual(usual);
  });

  it("runs one seed from the command line and refuses what it does not know", async () => {
    const results: string[] = [];
    const asides: string[] = [];
    const output: Output = {
      result: (text) => results.push(text),
      aside: (text) => asides.push(text),
      isTerminal: false,
    };
    expect(await main(["--seed", "5"], output)).toBe(0);
    expect(results.join("")).toMatch(/^seed 5: \d+ steps, \d+ events, \d+ jobs, [\d.]+ virtual s: ok\n$/);
    for (const wrong of [["--sead", "5"], ["--seeds"], ["--seeds", "1.5"], ["--seed", "5", "--jobs", "2"]]) {
      expect(await main(wrong, output)).toBe(2);
      expect(asides.at(-1)).toContain("usage:");
    }
  });
});
