import { describe, expect, it } from "vitest";
import type { LaneSpec } from "../../src/scheduler/model.ts";
import { newJob } from "../../src/sim/users.ts";
import { Bench, command, GIB, model, sharer } from "../kit/scheduler.ts";

const lost = { healthy: false } as const;

describe("a lane whose worker sleeps where somebody is busy", () => {
  const sleep = { level: 1, residueBytes: GIB, ramBytes: GIB, timeoutMs: 60_000 } as const;
  const sleepy = model("a", { sleep, ramBytes: 2 * GIB });

  /** Worker 1 of `a` sleeps on GPU 0, on which worker 2 is busy; GPU 1 comes back and is free. */
  function besideFreeGpu(ramBytes: number): Bench {
    const bench = new Bench({ gpus: [{}, lost], policy: { ramBytes } });
    const first = bench.submit(sleepy);
    bench.ready(1);
    bench.end(first);
    bench.submit(model("b"));
    bench.send({ type: "worker-asleep", workerId: 1, fence: bench.worker(1).fence, residueBytes: null });
    bench.ready(2);
    bench.seeGpus([{}, {}]);
    return bench;
  }

  it("starts another one on a free GPU", () => {
    const bench = besideFreeGpu(5 * GIB);
    bench.submit(sleepy);
    expect(bench.effects).toEqual(["start 3"]);
    expect(bench.worker(3).leases[0]?.gpu.index).toBe(1);
  });

  it("gives the memory of the one that sleeps for that, where the host has no other", () => {
    const bench = besideFreeGpu(4 * GIB);
    const job = bench.submit(sleepy);
    expect(bench.effects).toEqual(["stop 1"]);
    expect(bench.why(job)?.code).toBe("ram-busy");
    bench.exit(1);
    expect(bench.effects).toEqual(["start 3"]);
  });
});

describe("what was learned on GPUs of two vendors", () => {
  it("sends a job to the largest that go together, not to the largest of all", () => {
    const size = (gib: number, vendor: "amd" | "nvidia") => ({ totalBytes: gib * GIB, vendor });
    const bench = new Bench({ gpus: [size(80, "amd"), size(48, "nvidia"), size(24, "nvidia")] });
    const pair = model("pair", { gpuCount: 2, mode: "shared", vramBytes: 20 * GIB });
    const reply = bench.ask({ type: "start-worker", lane: pair, gpu: null, evict: false });
    expect(reply.ok).toBe(true);
    const exit = { exitCode: 1, detail: null, cause: "out-of-memory" } as const;
    bench.submit(pair);
    bench.send({ type: "worker-exited", workerId: 1, exit, result: null });
    expect(bench.effects).toEqual(["start 2"]);
    expect(bench.worker(2).leases.map(({ gpu }) => gpu.index)).toEqual([1, 2]);
  });
});

describe("a GPU that is lent", () => {
  const chat = (gib: number) => sharer("chat", gib);
  const short = { timeLimitMs: 1_000 };

  /** Worker 1 of `chat` is busy on GPU 0 with a job that may last. */
  function busyChat(gib: number, gpus = [{}]): Bench {
    const bench = new Bench({ gpus });
    bench.submit(chat(gib), { timeLimitMs: 600_000 });
    bench.ready(1);
    return bench;
  }

  it("is not lent to a lane whose worker made way at that moment", () => {
    const bench = busyChat(8);
    bench.submit(chat(8), short);
    bench.submit(model("big"), { priority: 5 });
    expect(bench.worker(1).phase.state).toBe("draining");
    expect(bench.effects).toEqual([]);
    bench.nowMs += 1;
    bench.seeGpus([{}]);
    expect(bench.effects).toEqual(["start 2"]);
    expect(bench.worker(2).backfillUntilMs).toBeGreaterThan(bench.nowMs);
  });

  it("is not taken back at once for a lane that comes after it, nor for less time than it was lent", () => {
    const bench = busyChat(17, [{}, {}]);
    bench.submit(command("stay", { mode: "shared", vramBytes: 8 * GIB }));
    // GPU 0 is the fuller one, so `big` is promised that.
    const wide = sharer("wide", 4, { gpuCount: 2 });
    const wishes = [
      newJob(model("big"), { priority: 10 }),
      newJob(wide, { ...short, priority: 5 }),
      newJob(sharer("other", 14)),
    ];
    bench.send({ type: "submit", jobs: wishes });
    expect(bench.effects).toEqual(["start 3"]);
    expect(bench.worker(3)).toMatchObject({ lane: { spec: { key: "wide" } }, phase: { state: "starting" } });
    expect(bench.worker(3).backfillUntilMs).toBeGreaterThanOrEqual(bench.nowMs + 11_000);
  });

  it("is used by whoever it was lent to at least once, though others of its rank go first meanwhile", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    bench.submit(command("first"), { timeLimitMs: 600_000 });
    bench.ready(1);
    /** So many jobs of a lane that is known to take this long for each. */
    const many = (count: number, lane: LaneSpec, meanMs: number): void => {
      const first = bench.submit(lane, { hold: true });
      const known = bench.job(first).lane;
      known.learned = { ...known.learned, run: { count: 100, meanMs, squares: 0 } };
      const jobs = Array.from({ length: count }, () => newJob(lane));
      bench.send({ type: "submit", jobs }, { type: "release", jobId: first });
    };
    many(30, model("gang", { gpuCount: 2 }), 5_000);
    const borrower = bench.submit(model("borrower"), short);
    expect(bench.worker(2)).toMatchObject({
      lane: { spec: { key: "borrower" } },
      phase: { state: "starting" },
    });
    expect(bench.worker(2).backfillUntilMs).toBeGreaterThan(bench.nowMs);
    bench.nowMs += 1;
    many(30, model("better"), 1_000);
    bench.pass(1);
    expect(bench.worker(2).phase.state).toBe("starting");
    bench.ready(2);
    expect(bench.stateOf(borrower)).toBe("running");
    bench.end(borrower);
    expect(bench.effects).toEqual(["stop 2"]);
    bench.exit(2);
    expect(bench.effects).toEqual(["start 3"]);
    expect(bench.worker(3).lane.spec.key).toBe("better");
  });
});
