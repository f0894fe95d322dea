import { describe, expect, it } from "vitest";
import { quantumMs } from "../../src/scheduler/lane-view.ts";
import { Bench, command, GIB, model, sharer } from "../kit/scheduler.ts";

const sdxl = model("sdxl");
const llama = model("llama");

describe("one lane", () => {
  it.each([
    { name: "oldest first", priorities: [0, 0, 0], order: [1, 2, 3] },
    { name: "highest priority first", priorities: [0, 5, -5, 5], order: [2, 4, 1, 3] },
  ])("serves jobs $name", ({ priorities, order }) => {
    const bench = new Bench();
    const jobs = priorities.map((priority) => bench.submit(sdxl, { priority, hold: true }));
    for (const jobId of jobs) bench.ask({ type: "release", jobId });
    const served: number[] = [];
    bench.ready(1);
    while (bench.state.jobs.size > 0) {
      const next = [...bench.worker(1).jobs][0];
      served.push(next?.id ?? 0);
      bench.end(next?.id ?? 0);
    }
    expect(served).toEqual(order);
  });

  it("hands out as many jobs as there are slots, and one more for each that ends", () => {
    const bench = new Bench();
    const lane = model("slots", { slots: 2 });
    for (let count = 0; count < 4; count++) bench.submit(lane);
    bench.ready(1);
    expect(bench.effects).toEqual(["run 1 on 1", "run 2 on 1"]);
    bench.end(2);
    expect(bench.effects).toEqual(["run 3 on 1"]);
    expect(bench.why(4)).toMatchObject({ code: "worker-busy" });
  });

  it("starts as many workers as jobs need, and never more than its replicas", () => {
    const bench = new Bench({ gpus: [{}, {}, {}] });
    const lane = model("wide", { maxReplicas: 2 });
    bench.submit(lane);
    expect(bench.effects).toEqual(["start 1"]);
    bench.submit(lane);
    expect(bench.effects).toEqual(["start 2"]);
    bench.submit(lane);
    expect(bench.effects).toEqual([]);
  });

  it("keeps commands without a GPU to the CPU slots", () => {
    const bench = new Bench({ gpus: [], policy: { cpuCores: 2 } });
    const lane = command("shell", { gpuCount: 0 });
    const jobs = [1, 2, 3].map(() => bench.submit(lane));
    expect(jobs.map((id) => bench.stateOf(id))).toEqual(["starting", "starting", "queued"]);
    expect(bench.why(3)).toEqual({
      code: "cpu-busy",
      text: 'it needs 1 of 2 CPU cores, and too many are in use; "orch top" shows by whom',
    });
    bench.ready(1);
    bench.exit(1);
    expect(bench.stateOf(3)).toBe("starting");
  });
});

describe("two lanes on one GPU", () => {
  /** llama waits while sdxl, ready after 1 s, has `queued` more jobs than the one that runs. */
  function contended(queued: number): Bench {
    const bench = new Bench({ policy: { quantumFactor: 4 } });
    for (let count = 0; count <= queued; count++) bench.submit(sdxl);
    bench.nowMs += 1_000;
    bench.ready(1);
    bench.submit(llama);
    return bench;
  }

  it("serves the resident lane for no longer than its quantum, then lets it finish and stops it", () => {
    const bench = contended(600);
    const llamaJob = 602;
    expect(bench.why(llamaJob)).toMatchObject({ code: "gpu-busy" });
    const mostMs = quantumMs(bench.state, bench.worker(1).lane);
    const sinceMs = bench.nowMs;
    for (let job = 1; bench.worker(1).phase.state === "ready"; job++) {
      bench.nowMs += 1_000;
      bench.end(job);
    }
    expect(bench.nowMs - sinceMs).toBeGreaterThan(1_000);
    // The job that was running when it ended is let finish.
    expect(bench.nowMs - sinceMs).toBeLessThanOrEqual(mostMs + 1_000);
    expect(bench.effects).toEqual(["stop 1"]);
    expect(bench.why(llamaJob)?.text).toBe("sdxl-1 is making room on GPU 0: stopping (evicted)");
    bench.exit(1);
    expect(bench.effects).toEqual(["start 2"]);
    expect(bench.worker(2).lane.spec.key).toBe("llama");
  });

  it("stops an idle worker at once, whatever its quantum", () => {
    const bench = contended(0);
    bench.end(1);
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("evicts at once for a higher priority", () => {
    const bench = contended(3);
    bench.submit(llama, { priority: 1 });
    expect(bench.worker(1).phase.state).toBe("draining");
  });

  it("never evicts for a lower priority while jobs of a higher one wait", () => {
    const bench = contended(3);
    bench.submit(sdxl, { priority: 9 });
    bench.pass(3_600_000);
    expect(bench.worker(1).phase.state).toBe("ready");
  });

  it("does not let a lane that may have two workers cling to the only GPU", () => {
    const bench = new Bench();
    const wide = model("wide", { maxReplicas: 2 });
    for (let count = 0; count < 500; count++) bench.submit(wide);
    bench.nowMs += 1_000;
    bench.ready(1);
    bench.nowMs += 10;
    bench.submit(llama);
    const mostMs = bench.nowMs + quantumMs(bench.state, bench.worker(1).lane);
    for (let job = 1; bench.worker(1).phase.state === "ready"; job++) {
      bench.nowMs += 10_000;
      bench.end(job);
    }
    expect(bench.nowMs).toBeLessThanOrEqual(mostMs + 10_000);
  });

  it("leaves a pinned worker alone and says who holds the GPU", () => {
    const bench = contended(0);
    bench.ask({ type: "pin-worker", workerId: 1, pinned: true });
    bench.end(1);
    bench.pass(3_600_000);
    expect(bench.effects).toEqual([]);
    expect(bench.why(2)).toEqual({
      code: "gpu-busy",
      text: 'GPU 0 is held by sdxl-1 (idle, pinned: "orch workers unpin sdxl-1" lets it go)',
    });
    bench.ask({ type: "pin-worker", workerId: 1, pinned: false });
    expect(bench.effects).toEqual(["stop 1"]);
  });
});

describe("placement", () => {
  it("takes the GPU on which least is left over", () => {
    const bench = new Bench({ gpus: [{ totalBytes: 80 * GIB }, { totalBytes: 24 * GIB }] });
    bench.submit(sdxl);
    expect(bench.worker(1).leases.map((lease) => lease.gpu.uuid)).toEqual(["GPU-1"]);
  });

  it("packs sharers side by side until the memory is used up", () => {
    const bench = new Bench({ policy: { vramReserveBytes: 1 * GIB } });
    for (const key of ["a", "b", "c"]) bench.submit(sharer(key, 8));
    expect([...bench.state.workers.keys()]).toEqual([1, 2]);
    expect(bench.why(3)).toMatchObject({ code: "gpu-busy" });
    bench.submit(sharer("d", 7));
    expect(bench.why(4)?.code).toBe("gpu-reserved");
  });

  it("never puts a sharer beside an exclusive worker", () => {
    const bench = new Bench();
    bench.submit(model("small", { vramBytes: 2 * GIB }));
    bench.submit(sharer("a", 2));
    expect(bench.state.workers.size).toBe(1);
  });

  it("stops only as many sharers as it takes", () => {
    const bench = new Bench();
    const sizes = [4, 12, 8];
    for (const [index, gib] of sizes.entries()) {
      bench.submit(sharer(`s${index}`, gib));
      bench.nowMs += 10;
      bench.ready(index + 1);
      bench.nowMs += 10;
      bench.end(index + 1);
    }
    bench.submit(sharer("new", 11));
    expect(bench.effects).toEqual(["stop 2"]);
  });

  it("gives a gang all its GPUs at once, and meanwhile nobody else", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const gang = command("train", { gpuCount: 2 });
    bench.submit(command());
    bench.ready(1);
    bench.submit(gang);
    expect(bench.why(2)).toMatchObject({ code: "gpu-busy" });
    bench.nowMs += 600_000;
    bench.submit(llama);
    expect(bench.why(3)).toEqual({
      code: "gpu-reserved",
      text: "GPU 0, 1 is promised to others, whose turn comes first",
    });
    bench.exit(1);
    expect(bench.worker(2).leases.map((lease) => lease.gpu.index)).toEqual([0, 1]);
    expect(new Set(bench.worker(2).leases.map((lease) => lease.fence))).toEqual(new Set([2]));
  });

  it("evicts nobody for a job that strangers keep from fitting even then", () => {
    const bench = new Bench({ gpus: [{ foreignBytes: 8 * GIB }] });
    bench.submit(sharer("idle", 4));
    bench.ready(1);
    bench.end(1);
    bench.submit(model("big", { vramBytes: 20 * GIB }));
    expect(bench.effects).toEqual([]);
    expect(bench.why(2)).toEqual({
      code: "gpu-foreign",
      text: 'programs outside orch hold too much memory on GPU 0; "orch gpus" names them',
    });
    bench.seeGpus([{ foreignBytes: 0 }]);
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("uses no GPU that is lost, and drains what is resident on it", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    bench.ready(1);
    bench.submit(sdxl);
    bench.seeGpus([{ healthy: false }]);
    expect(bench.worker(1).phase).toMatchObject({ state: "draining", reason: "gpu-lost" });
    bench.end(1);
    bench.exit(1);
    expect(bench.why(2)).toMatchObject({ code: "gpu-unavailable" });
    bench.seeGpus([{}]);
    expect(bench.effects).toEqual(["start 2"]);
  });
});
