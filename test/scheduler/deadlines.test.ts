import { describe, expect, it } from "vitest";
import { Bench, command, model, outcome } from "../kit/scheduler.ts";

const gpuTask = command("task");

describe("a begin time", () => {
  it("holds a job until then, and one that is past does not", () => {
    const bench = new Bench();
    const later = bench.submit(gpuTask, { notBeforeMs: bench.nowMs + 5_000 });
    expect(bench.why(later)).toMatchObject({ code: "begin" });
    expect(bench.last.wakeAtMs).toBe(bench.nowMs + 5_000);
    bench.pass(4_999);
    expect(bench.stateOf(later)).toBe("held");
    bench.pass(1);
    expect(bench.stateOf(later)).toBe("starting");
    const past = bench.submit(command("cpu", { gpuCount: 0 }), { notBeforeMs: bench.nowMs - 1 });
    expect(bench.stateOf(past)).toBe("starting");
  });
});

describe("a deadline", () => {
  it("that is past is refused", () => {
    const bench = new Bench();
    expect(() => bench.submit(gpuTask, { deadlineMs: bench.nowMs })).toThrow("job/deadline");
  });

  it("ends a job that has not started by then", () => {
    const bench = new Bench({ gpus: [{ healthy: false }] });
    const waiting = bench.submit(gpuTask, { deadlineMs: bench.nowMs + 1_000 });
    const held = bench.submit(gpuTask, { deadlineMs: bench.nowMs + 1_000, hold: true });
    bench.pass(1_000);
    for (const id of [waiting, held]) {
      expect(bench.endOf(id)).toMatchObject({
        state: "failed",
        exitCode: 124,
        reason: { code: "deadline", text: "it had not started by its deadline" },
      });
    }
  });

  it("stops a job that still runs then, and it is not tried again", () => {
    const bench = new Bench();
    const id = bench.submit(gpuTask, { deadlineMs: bench.nowMs + 1_000, retries: 3 });
    bench.ready(1);
    bench.pass(1_000);
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1, outcome("failed", 143));
    expect(bench.endOf(id)).toMatchObject({ state: "failed", reason: { code: "deadline" } });
  });

  it("lets a job go before its equals when it gets close, not before those of higher priority", () => {
    const bench = new Bench();
    const lane = model("sdxl");
    const running = bench.submit(lane);
    bench.ready(1);
    const [first, urgent, high] = [
      bench.submit(lane),
      bench.submit(lane, { deadlineMs: bench.nowMs + 3_600_000 }),
      bench.submit(lane, { priority: 1 }),
    ];
    expect(bench.state.lanes.get(lane.key)?.queue.list(9)).toEqual([high, first, urgent]);
    // A minute's run and ten seconds' start are assumed, and twice that is taken.
    bench.pass(3_600_000 - 100_000);
    expect(bench.state.lanes.get(lane.key)?.queue.list(9)).toEqual([high, urgent, first]);
    expect(bench.job(running).id).toBe(running);
  });
});
