import { describe, expect, it } from "vitest";
import { Bench, command, model, sharer } from "../kit/scheduler.ts";

const chat = model("chat");
const draw = model("draw");
const hint = (bench: Bench, lane = chat) => bench.ask({ type: "preload", lane });

describe("a hint", () => {
  it("loads a worker at once where nobody waits", () => {
    const bench = new Bench();
    expect(hint(bench)).toEqual({ ok: true, ids: [] });
    expect(bench.effects).toEqual(["start 1"]);
    expect(hint(bench)).toEqual({ ok: true, ids: [1] });
  });

  it("is used up by the worker it made", () => {
    const bench = new Bench();
    hint(bench, model("chat", { keepAliveMs: 1_000 }));
    bench.ready(1);
    bench.pass(1_000);
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1);
    bench.pass(1_000);
    expect(bench.state.workers.size).toBe(0);
  });

  it("waits behind everything that waits, and comes to its turn after it", () => {
    const bench = new Bench();
    const job = bench.submit(command());
    hint(bench);
    bench.ready(1);
    const later = bench.submit(command());
    bench.exit(1, { kind: "succeeded", exitCode: 0, message: null, output: null, artifacts: null });
    expect(bench.stateOf(job)).toBe("succeeded");
    expect(bench.job(later).phase.state).toBe("starting");
    bench.ready(2);
    bench.exit(2, { kind: "succeeded", exitCode: 0, message: null, output: null, artifacts: null });
    expect(bench.effects).toEqual(["start 3"]);
    expect(bench.worker(3).lane.spec.key).toBe("chat");
  });

  it("takes no GPU that is free for somebody who waits for more", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    bench.submit(command());
    bench.submit(command("gang", { gpuCount: 2 }));
    hint(bench);
    expect(bench.effects).toEqual([]);
    bench.ask({ type: "cancel", jobId: 2 });
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("takes an idle worker's place only once that was idle for what its reload costs", () => {
    const bench = new Bench();
    const job = bench.submit(draw);
    bench.nowMs += 4_000;
    bench.ready(1);
    bench.end(job);
    hint(bench);
    expect(bench.effects).toEqual([]);
    bench.pass(4_000);
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("is forgotten after ten minutes", () => {
    const bench = new Bench();
    const job = bench.submit(command());
    bench.ready(1);
    hint(bench);
    bench.nowMs += 600_000;
    bench.exit(1, { kind: "succeeded", exitCode: 0, message: null, output: null, artifacts: null });
    expect(bench.stateOf(job)).toBe("succeeded");
    expect(bench.effects).toEqual([]);
  });

  it.each([
    { name: "one-shot", lane: command(), code: "worker/state" },
    { name: "too large", lane: sharer("huge", 80), code: "gpu/too-large" },
  ])("for a lane that is $name is refused", ({ lane, code }) => {
    const bench = new Bench();
    expect(hint(bench, lane)).toMatchObject({ ok: false, code });
    expect(bench.state.lanes.size).toBe(0);
  });
});
