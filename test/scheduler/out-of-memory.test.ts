import { describe, expect, it } from "vitest";
import type { LaneSpec } from "../../src/scheduler/model.ts";
import { Bench, command, GIB, outcome, sharer } from "../kit/scheduler.ts";

const chat = sharer("chat", 4);
const tooSmall = { ...outcome("failed"), message: "CUDA out of memory", cause: "out-of-memory" } as const;

function fail(bench: Bench, jobId: number) {
  const attempt = bench.job(jobId).attempts;
  return bench.send({ type: "job-ended", jobId, attempt, outcome: tooSmall });
}

function crash(bench: Bench, workerId: number, cause?: "out-of-memory") {
  const exit = { exitCode: 1, detail: "it ended", cause };
  return bench.send({ type: "worker-exited", workerId, exit, result: null });
}

const leased = (bench: Bench, workerId: number) => (bench.worker(workerId).leases[0]?.vramBytes ?? 0) / GIB;

describe("a job that ran out of memory", () => {
  it("is tried once more with a lease half as large again, and costs none of its retries", () => {
    const bench = new Bench();
    const id = bench.submit(chat);
    bench.ready(1);
    fail(bench, id);
    expect(bench.effects).toEqual(["stop 1", "start 2"]);
    expect(bench.worker(1).phase).toMatchObject({ reason: "out-of-memory" });
    const told = bench.last.changes.log.find((entry) => entry.type === "job-out-of-memory");
    expect(told?.text).toBe(
      "job 1 ran out of GPU memory with a lease of 4 GiB; it is tried once more with 6 GiB",
    );
    bench.exit(1);
    expect(leased(bench, 2)).toBe(6);
    bench.ready(2);
    fail(bench, id);
    expect(bench.endOf(id).reason).toEqual({ code: "out-of-memory", text: "CUDA out of memory" });
  });

  it("keeps its retries for what they are meant for", () => {
    const bench = new Bench();
    const id = bench.submit(chat, { retries: 1 });
    bench.ready(1);
    fail(bench, id);
    bench.exit(1);
    bench.ready(2);
    bench.end(id, "failed");
    expect(bench.stateOf(id)).toBe("held");
    bench.pass(60_000);
    bench.end(id, "failed");
    expect(bench.stateOf(id)).toBe("failed");
  });

  it("raises the lease once where several fail together on one worker", () => {
    const bench = new Bench();
    const lane = sharer("chat", 4, { slots: 3 });
    const jobs = [1, 2, 3].map(() => bench.submit(lane));
    bench.ready(1);
    crash(bench, 1, "out-of-memory");
    expect(jobs.map((id) => bench.stateOf(id))).toEqual(["queued", "queued", "queued"]);
    expect(leased(bench, 2)).toBe(6);
  });

  it("is not tried again once its lease was all there is", () => {
    const bench = new Bench();
    const id = bench.submit(sharer("chat", 24));
    bench.ready(1);
    fail(bench, id);
    expect(bench.stateOf(id)).toBe("failed");
  });

  it("moves to a larger GPU where there is one, and never asks for more than that has", () => {
    const bench = new Bench({ gpus: [{}, { totalBytes: 32 * GIB }], policy: { vramReserveBytes: GIB } });
    const id = bench.submit(command("train", { mode: "shared", vramBytes: 22 * GIB }));
    expect(bench.worker(1).leases[0]?.gpu.index).toBe(0);
    bench.ready(1);
    bench.exit(1, tooSmall);
    expect(bench.stateOf(id)).toBe("starting");
    expect(bench.worker(2).leases[0]?.gpu.index).toBe(1);
    expect(leased(bench, 2)).toBe(31);
  });

  it("of a lane with whole GPUs just fails", () => {
    const bench = new Bench();
    const id = bench.submit(command());
    bench.ready(1);
    bench.exit(1, tooSmall);
    expect(bench.endOf(id).reason?.code).toBe("out-of-memory");
  });
});

describe("a worker that runs out of memory while it loads", () => {
  it("is tried again at once with a larger lease, then after the usual waits", () => {
    const bench = new Bench();
    const id = bench.submit(chat);
    crash(bench, 1, "out-of-memory");
    expect(bench.effects).toEqual(["start 2"]);
    expect(leased(bench, 2)).toBe(6);
    crash(bench, 2, "out-of-memory");
    expect(bench.effects).toEqual([]);
    expect(bench.why(id)?.text).toContain("ran out of GPU memory with a lease of 6 GiB");
    bench.pass(2_000);
    expect(leased(bench, 3)).toBe(9);
    bench.ready(3);
    expect(bench.stateOf(id)).toBe("running");
  });

  it("is tried again for the person who asked for it", () => {
    const bench = new Bench();
    bench.ask({ type: "start-worker", lane: chat, gpu: null, evict: false });
    crash(bench, 1, "out-of-memory");
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("waits as after any failed start where no lease is larger", () => {
    const bench = new Bench();
    bench.submit(sharer("chat", 24));
    crash(bench, 1, "out-of-memory");
    expect(bench.effects).toEqual([]);
  });

  it("and one that ends for another reason waits", () => {
    const bench = new Bench();
    bench.submit(chat);
    crash(bench, 1);
    expect(bench.effects).toEqual([]);
  });
});

describe("what is measured", () => {
  const see = (bench: Bench, workerId: number, gib: number) =>
    bench.send({
      type: "gpus-seen",
      gpus: [{ uuid: "GPU-0", index: 0, totalBytes: 24 * GIB, foreignBytes: 0, healthy: true }],
      workers: [{ workerId, vramBytes: gib * GIB }],
    });
  const serve = (bench: Bench, lane: LaneSpec, times: number) => {
    for (let count = 0; count < times; count++) bench.end(bench.submit(lane));
  };

  it("replaces the declaration after three jobs, with a tenth on top", () => {
    const bench = new Bench();
    const lane = sharer("fat", 20);
    const first = bench.submit(lane);
    bench.ready(1);
    see(bench, 1, 6);
    bench.end(first);
    serve(bench, lane, 1);
    bench.ask({ type: "stop-worker", workerId: 1, force: true });
    bench.exit(1);
    bench.submit(lane);
    expect(leased(bench, 2)).toBe(20);
    bench.ready(2);
    bench.end(3);
    bench.ask({ type: "stop-worker", workerId: 2, force: true });
    bench.exit(2);
    bench.submit(lane);
    expect(leased(bench, 3)).toBeCloseTo(6.6, 3);
  });

  it("above the declaration counts at once", () => {
    const bench = new Bench();
    const lane = sharer("thin", 2);
    const id = bench.submit(lane);
    bench.ready(1);
    bench.end(id);
    see(bench, 1, 9);
    bench.ask({ type: "stop-worker", workerId: 1, force: true });
    bench.exit(1);
    bench.submit(lane);
    expect(leased(bench, 2)).toBeCloseTo(9.9, 3);
  });

  it("is forgotten when asked to, the floor too", () => {
    const bench = new Bench();
    const lane = sharer("thin", 2);
    const id = bench.submit(lane);
    bench.ready(1);
    see(bench, 1, 9);
    bench.end(id);
    bench.ask({ type: "forget-learned", runtime: "thin" });
    expect(bench.last.changes.lanes.size).toBe(1);
    expect(bench.state.lanes.get("thin")?.learned).toMatchObject({ startMs: null, vramPeakBytes: null });
    bench.ask({ type: "stop-worker", workerId: 1, force: true });
    bench.exit(1);
    bench.submit(lane);
    expect(leased(bench, 2)).toBe(2);
  });
});
