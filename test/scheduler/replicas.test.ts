import { describe, expect, it } from "vitest";
import type { LaneSpec } from "../../src/scheduler/model.ts";
import { Bench, model } from "../kit/scheduler.ts";

const wide = (overrides: Partial<LaneSpec> = {}): LaneSpec =>
  model("wide", { maxReplicas: 3, keepAliveMs: 10_000, ...overrides });

/** A lane whose start takes `startMs` and whose jobs run `runMs`, with one worker that is idle. */
function learned(bench: Bench, startMs: number, runMs: number, lane = wide()): LaneSpec {
  const first = bench.submit(lane);
  bench.nowMs += startMs;
  bench.ready(1);
  bench.nowMs += runMs;
  bench.end(first);
  for (let count = 0; count < 4; count++) {
    const id = bench.submit(lane);
    bench.nowMs += runMs;
    bench.end(id);
  }
  return lane;
}

const liveWorkers = (bench: Bench): number =>
  [...bench.state.workers.values()].filter(
    ({ phase }) => phase.state === "ready" || phase.state === "starting",
  ).length;

describe("a second replica", () => {
  it("is started when the backlog takes longer than a start, and not before", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = learned(bench, 10_000, 1_000);
    bench.submit(lane);
    for (let waiting = 1; waiting <= 10; waiting++) {
      bench.submit(lane);
      expect(liveWorkers(bench), `${waiting} wait`).toBe(1);
    }
    bench.submit(lane);
    expect(liveWorkers(bench)).toBe(2);
  });

  it("is not followed by a third that is not worth its start any more", () => {
    const bench = new Bench({ gpus: [{}, {}, {}] });
    const lane = learned(bench, 10_000, 1_000);
    for (let count = 0; count < 15; count++) bench.submit(lane);
    expect(liveWorkers(bench)).toBe(2);
    for (let count = 0; count < 20; count++) bench.submit(lane);
    expect(liveWorkers(bench)).toBe(3);
    for (let count = 0; count < 100; count++) bench.submit(lane);
    expect(liveWorkers(bench)).toBe(3);
  });

  it("counts the slots that each worker has", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = learned(bench, 10_000, 1_000, wide({ slots: 4 }));
    for (let count = 0; count < 40; count++) bench.submit(lane);
    expect(liveWorkers(bench)).toBe(1);
    for (let count = 0; count < 10; count++) bench.submit(lane);
    expect(liveWorkers(bench)).toBe(2);
  });

  it("evicts no worker of a lane that has work, however long and urgent the backlog", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = learned(bench, 10_000, 1_000);
    const busy = bench.submit(model("busy"));
    bench.ready(bench.state.nextWorkerId - 1);
    bench.submit(model("busy"));
    for (let count = 0; count < 200; count++) bench.submit(lane, { priority: 5 });
    bench.pass(600_000);
    bench.submit(lane, { priority: 5 });
    expect(bench.stateOf(busy)).toBe("running");
    expect(bench.worker(2).phase.state).toBe("ready");
    expect(liveWorkers(bench)).toBe(2);
  });

  it("takes the place of a worker that nobody wants", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = learned(bench, 10_000, 1_000);
    const other = bench.submit(model("idle"));
    bench.ready(2);
    bench.end(other);
    for (let count = 0; count < 30; count++) bench.submit(lane);
    expect(bench.worker(2).phase).toMatchObject({ state: "stopping", reason: "evicted" });
  });

  it("goes when it was idle for its keep-alive", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = learned(bench, 10_000, 1_000);
    for (let count = 0; count < 12; count++) bench.submit(lane);
    bench.ready(2);
    for (const job of [...bench.state.jobs.values()].reverse())
      if (job.phase.state === "queued") bench.ask({ type: "cancel", jobId: job.id });
    for (const id of [...bench.state.jobs.keys()]) bench.end(id);
    bench.pass(9_999);
    expect(liveWorkers(bench)).toBe(2);
    bench.pass(1);
    expect(liveWorkers(bench)).toBe(0);
  });

  it("is not wanted of a lane that is limited to one", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = learned(bench, 10_000, 1_000, wide({ maxReplicas: 1 }));
    for (let count = 0; count < 100; count++) bench.submit(lane);
    expect(liveWorkers(bench)).toBe(1);
  });
});
