import { describe, expect, it } from "vitest";
import { outlookAt, stayValue, switchIndex } from "../../src/scheduler/lane-index.ts";
import { quantumMs } from "../../src/scheduler/lane-view.ts";
import { standingAt } from "../../src/scheduler/lanes.ts";
import type { Lane } from "../../src/scheduler/model.ts";
import { must } from "../../src/std/assert.ts";
import { Bench, command, model } from "../kit/scheduler.ts";

const SWITCH_MS = 20_000;

/** A host whose only GPU a command holds, so that whatever else is submitted waits and can be looked at. */
function waitingBench(): Bench {
  const bench = new Bench({ policy: { quantumFactor: 10 } });
  bench.submit(command("hold"));
  bench.ready(1);
  return bench;
}

interface History {
  readonly runMs: number;
  readonly startMs?: number;
}

/** Submits `count` jobs, `everyMs` apart, to a lane that is known to run this long. */
function fill(bench: Bench, key: string, count: number, history: History, everyMs = 0): Lane {
  for (let each = 0; each < count; each++) {
    if (each > 0) bench.nowMs += everyMs;
    bench.submit(model(key));
  }
  const lane = must(bench.state.lanes.get(key), "the lane is there");
  const run = { count: 100, meanMs: history.runMs, squares: 0 };
  lane.learned = { ...lane.learned, startMs: history.startMs ?? SWITCH_MS, stopMs: 0, run };
  lane.arrivals = null; // As if nothing more were to come: what a refill costs has its own test.
  return lane;
}

const first = (bench: Bench): string =>
  must(standingAt(bench.state, bench.nowMs).takeNext(), "a lane").spec.key;

describe("which lane goes next", () => {
  it("is the one with more jobs for its switch, all else equal", () => {
    const bench = waitingBench();
    fill(bench, "few", 2, { runMs: 10_000 });
    fill(bench, "many", 20, { runMs: 10_000 });
    expect(first(bench)).toBe("many");
  });

  it("is the one with shorter jobs, all else equal", () => {
    const bench = waitingBench();
    fill(bench, "long", 5, { runMs: 100_000 });
    fill(bench, "short", 5, { runMs: 5_000 });
    expect(first(bench)).toBe("short");
  });

  it("is the one that is cheaper to switch to, all else equal", () => {
    const bench = waitingBench();
    fill(bench, "dear", 3, { runMs: 10_000, startMs: 90_000 });
    fill(bench, "cheap", 3, { runMs: 10_000, startMs: 2_000 });
    expect(first(bench)).toBe("cheap");
  });

  it("is a rare one in the end, however good the others are", () => {
    const bench = waitingBench();
    fill(bench, "rare", 1, { runMs: 60_000 });
    fill(bench, "popular", 50, { runMs: 5_000 });
    expect(first(bench)).toBe("popular");
    const rare = must(bench.state.lanes.get("rare"), "the lane is there");
    const popular = must(bench.state.lanes.get("popular"), "the lane is there");
    const waitedMs = quantumMs(bench.state, popular) + SWITCH_MS;
    expect(must(rare.wait, "it waits").dueMs - 1_000_000).toBeGreaterThanOrEqual(waitedMs);
    bench.nowMs = must(rare.wait, "it waits").dueMs;
    expect(first(bench)).toBe("rare");
  });

  it("is not put off by one that fills up again while the rest is cleared", () => {
    const bench = waitingBench();
    const quiet = fill(bench, "quiet", 3, { runMs: 10_000 });
    const busy = fill(bench, "busy", 3, { runMs: 10_000 });
    busy.arrivals = { count: 1_000, atMs: bench.nowMs, sinceMs: bench.nowMs - 1_000_000 };
    const outlook = outlookAt(bench.state, bench.nowMs);
    const ratio = switchIndex(quiet, outlook) / switchIndex(busy, outlook);
    // 1.5 switches against 3 of them, and the same 30 s of work.
    expect(ratio).toBeCloseTo((3 * SWITCH_MS + 30_000) / (1.5 * SWITCH_MS + 30_000), 6);
  });
});

describe("the switch index", () => {
  it("is the best prefix of all, to within what doubling the prefix leaves out", () => {
    for (const [count, runMs, everyMs] of [
      [1, 30_000, 0],
      [7, 5_000, 60_000],
      [64, 1_000, 5_000],
      [100, 40_000, 90_000],
    ] as const) {
      const bench = waitingBench();
      const startMs = bench.nowMs;
      const lane = fill(bench, "lane", count, { runMs }, everyMs);
      bench.nowMs += 10_000;
      const outlook = outlookAt(bench.state, bench.nowMs);
      let best = 0;
      let sum = 0;
      for (let job = 0; job < count; job++) {
        const cost = (Math.SQRT2 * (outlook.baseMs - (startMs + job * everyMs))) / outlook.scaleMs;
        sum += Math.exp(Math.max(-300, Math.min(300, cost)));
        best = Math.max(best, sum / (1.5 * SWITCH_MS + (job + 1) * runMs));
      }
      const index = switchIndex(lane, outlook);
      expect(index).toBeLessThanOrEqual(best * (1 + 1e-9));
      expect(index).toBeGreaterThan(best * 0.9);
    }
  });

  it("does not depend on when it is looked at, only on what waits", () => {
    const bench = waitingBench();
    const left = fill(bench, "left", 4, { runMs: 10_000 }, 3_000);
    const right = fill(bench, "right", 9, { runMs: 4_000 }, 7_000);
    const ratioAt = (): number => {
      const outlook = outlookAt(bench.state, bench.nowMs);
      return switchIndex(left, outlook) / switchIndex(right, outlook);
    };
    const before = ratioAt();
    for (const passedMs of [1_000, 100_000, 50_000_000, 9e9]) {
      bench.nowMs += passedMs;
      expect(ratioAt()).toBeCloseTo(before, 6);
    }
  });

  it("stays a number for ages and backlogs of any size", () => {
    const bench = waitingBench();
    const lane = fill(bench, "old", 3, { runMs: 1 });
    bench.nowMs += 4e10;
    fill(bench, "new", 3, { runMs: 1e9 });
    const outlook = outlookAt(bench.state, bench.nowMs);
    expect(switchIndex(lane, outlook)).toSatisfy(Number.isFinite);
    expect(switchIndex(lane, outlook)).toBeGreaterThan(0);
    expect(stayValue(bench.state, lane, outlook)).toSatisfy(Number.isFinite);
  });
});

describe("staying with the lane that is resident", () => {
  it("is worth more than switching to an equal one, and the more the emptier the lane", () => {
    const bench = waitingBench();
    const lane = fill(bench, "resident", 8, { runMs: 10_000 });
    const other = fill(bench, "other", 8, { runMs: 10_000 });
    const outlook = outlookAt(bench.state, bench.nowMs);
    const full = stayValue(bench.state, lane, outlook);
    expect(full).toBeGreaterThan(switchIndex(other, outlook));
    const nearlyEmpty = fill(bench, "nearly-empty", 1, { runMs: 10_000 });
    expect(stayValue(bench.state, nearlyEmpty, outlook)).toBeGreaterThan(full);
  });

  it("never ends before a worker that has just been started has had a job", () => {
    const bench = new Bench({ policy: { quantumFactor: 0 } });
    bench.submit(model("slow"));
    for (let each = 0; each < 40; each++) bench.submit(model("other"));
    bench.nowMs += 3_600_000;
    bench.ready(1);
    expect(bench.effects).toContain("run 1 on 1");
  });
});
