import { describe, expect, it } from "vitest";
import type { LaneSpec } from "../../src/scheduler/model.ts";
import { Bench, command, model, sharer } from "../kit/scheduler.ts";

// A switch costs 10 s until it is measured, and less after: `ready` at once measures none.

const home = (key: string, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  model(key, { minReplicas: 1, keepAliveMs: 1_000, ...overrides });

const declare = (bench: Bench, ...lanes: LaneSpec[]) => bench.ask({ type: "declare-home", lanes });

/** A host whose home worker is ready; loading takes `loadMs`. */
function atHome(bench: Bench, lane: LaneSpec, loadMs = 5_000): number {
  declare(bench, lane);
  const [worker] = bench.state.workers.values();
  bench.nowMs += loadMs;
  bench.ready(worker?.id ?? 0);
  return worker?.id ?? 0;
}

describe("a home lane", () => {
  it("gets its worker as soon as it is declared, and keeps it beyond its keep-alive", () => {
    const bench = new Bench();
    expect(declare(bench, home("chat"))).toEqual({ ok: true, ids: [] });
    expect(bench.effects).toEqual(["start 1"]);
    bench.ready(1);
    bench.pass(86_400_000);
    expect(bench.worker(1).phase.state).toBe("ready");
  });

  it("has its workers beyond the minimum stopped after their keep-alive", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lane = home("chat", { maxReplicas: 2 });
    atHome(bench, lane);
    const jobs = [1, 2, 3, 4].map(() => bench.submit(lane));
    expect(bench.state.workers.size).toBe(2);
    bench.ready(2);
    for (const id of jobs) if (bench.state.jobs.get(id)?.phase.state === "running") bench.end(id);
    for (const id of jobs) if (bench.state.jobs.get(id)?.phase.state === "running") bench.end(id);
    bench.pass(1_000);
    expect([...bench.state.workers.values()].filter(({ phase }) => phase.state === "stopping")).toHaveLength(
      1,
    );
    bench.pass(60_000);
    expect([...bench.state.workers.values()].filter(({ phase }) => phase.state === "ready")).toHaveLength(1);
  });

  it("comes back after a burst of another lane, once that was idle for what its reload costs", () => {
    const bench = new Bench();
    const burst = model("burst");
    atHome(bench, home("chat"));
    bench.pass(60_000);
    const job = bench.submit(burst);
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1);
    bench.nowMs += 3_000;
    bench.ready(2);
    bench.end(job);
    expect(bench.effects).toEqual([]);
    bench.pass(2_999);
    expect(bench.effects).toEqual([]);
    bench.pass(1);
    expect(bench.effects).toEqual(["stop 2"]);
    bench.exit(2);
    expect(bench.effects).toEqual(["start 3"]);
    expect(bench.worker(3).lane.spec.key).toBe("chat");
  });

  it("takes no GPU from a worker that is busy, wanted or pinned", () => {
    const bench = new Bench();
    const other = model("other");
    const job = bench.submit(other);
    bench.ready(1);
    declare(bench, home("chat"));
    bench.pass(3_600_000);
    bench.pass(3_600_000);
    expect(bench.worker(1).phase.state).toBe("ready");
    bench.ask({ type: "pin-worker", workerId: 1, pinned: true });
    bench.end(job);
    bench.pass(3_600_000);
    expect(bench.worker(1).phase.state).toBe("ready");
    bench.ask({ type: "pin-worker", workerId: 1, pinned: false });
    expect(bench.worker(1).phase.state).toBe("stopping");
  });

  it("takes no GPU from the worker of another home lane", () => {
    const bench = new Bench();
    declare(bench, home("chat"), home("draw"));
    bench.ready(1);
    bench.pass(86_400_000);
    expect(bench.effects).toEqual([]);
    expect(bench.worker(1).phase.state).toBe("ready");
  });

  it("waits while somebody else waits for a GPU", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const gang = model("gang", { gpuCount: 2 });
    bench.submit(model("busy"));
    bench.ready(1);
    bench.submit(gang);
    declare(bench, home("chat"));
    bench.pass(60_000);
    // GPU 1 is free, but the gang is to get it.
    expect([...bench.state.workers.keys()]).toEqual([1]);
  });

  it("takes no GPU that is reserved", () => {
    const bench = new Bench();
    const times = { startAtMs: bench.nowMs, endAtMs: bench.nowMs + 60_000 };
    const owner = { accounts: ["user:ann"], uid: 1000, user: "ann" } as const;
    const reservation = { name: "demo", count: 1, gpus: null, ...times, ...owner };
    bench.ask({ type: "add-reservation", reservation });
    declare(bench, home("chat"));
    expect(bench.effects).toEqual([]);
    bench.pass(60_000);
    expect(bench.effects).toEqual(["start 1"]);
  });

  it("comes though a job waits, if that waits for a quota only", () => {
    const quota = { running: 1, queued: null, gpuHours: null, maxPriority: null };
    const bench = new Bench({ gpus: [{}, {}], policy: { quotas: { "user:*": quota } } });
    bench.submit(command());
    const blocked = bench.submit(command());
    declare(bench, home("chat"));
    expect(bench.why(blocked)?.code).toBe("quota");
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("that fits on no GPU is passed over", () => {
    const bench = new Bench();
    declare(bench, home("huge", { mode: "shared", vramBytes: 80 * 2 ** 30 }), home("chat"));
    expect([...bench.state.workers.values()].map((worker) => worker.lane.spec.key)).toEqual(["chat"]);
  });

  it("that needs more cores or memory than are left waits for them", () => {
    const bench = new Bench({ policy: { cpuCores: 2 } });
    declare(bench, home("a", { gpuCount: 0, cpuCores: 2 }), home("b", { gpuCount: 0, cpuCores: 1 }));
    expect([...bench.state.workers.values()].map((worker) => worker.lane.spec.key)).toEqual(["a"]);
  });

  it("whose start fails is tried again after the back-off", () => {
    const bench = new Bench();
    declare(bench, home("chat"));
    bench.exit(1);
    expect(bench.effects).toEqual([]);
    bench.pass(1_000);
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("shares a GPU with what is there, if it fits beside it", () => {
    const bench = new Bench();
    bench.submit(sharer("busy", 12));
    bench.ready(1);
    declare(bench, home("chat", { mode: "shared", vramBytes: 8 * 2 ** 30 }));
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("is like any other once it is not declared any more", () => {
    const bench = new Bench();
    const id = atHome(bench, home("chat"));
    declare(bench);
    expect(bench.last.changes.lanes.size).toBe(1);
    bench.pass(1_000);
    expect(bench.effects).toEqual([`stop ${id}`]);
    bench.exit(id);
    bench.pass(60_000);
    expect(bench.state.workers.size).toBe(0);
  });
});
