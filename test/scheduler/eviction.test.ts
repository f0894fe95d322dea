import { describe, expect, it } from "vitest";
import type { MayEvict } from "../../src/scheduler/lanes.ts";
import type { LaneSpec } from "../../src/scheduler/model.ts";
import { type Offer, offersFor } from "../../src/scheduler/placement.ts";
import { laneFor } from "../../src/scheduler/state.ts";
import { Bench, command, GIB, model, sharer } from "../kit/scheduler.ts";

const drainAll: MayEvict = () => "drain";

/** The best offer for `lane` now, were every worker free to go unless `mayEvict` says otherwise. */
function bestOffer(bench: Bench, spec: LaneSpec, mayEvict: MayEvict = drainAll): Offer | undefined {
  const { lane } = laneFor(bench.state, spec);
  return offersFor({ state: bench.state, lane, nowMs: bench.nowMs, mayEvict, mayUse: () => true })[0];
}

function victims(bench: Bench, spec: LaneSpec, mayEvict: MayEvict = drainAll): string[] | null {
  const offer = bestOffer(bench, spec, mayEvict);
  return offer === undefined || offer.rank === "busy"
    ? null
    : offer.victims.map(({ worker }) => worker.lane.spec.key);
}

/** Has a worker of the lane loaded within `loadMs`, serve one job and fall idle. */
function load(bench: Bench, spec: LaneSpec, loadMs = 10_000): void {
  const id = bench.submit(spec);
  const workerId = bench.state.nextWorkerId - 1;
  bench.nowMs += loadMs;
  bench.ready(workerId);
  bench.end(id);
}

describe("who makes room on a shared GPU", () => {
  it("is one worker that is big enough, before several small ones that are cheaper", () => {
    const bench = new Bench();
    load(bench, sharer("small-a", 4), 1_000);
    load(bench, sharer("small-b", 4), 1_000);
    load(bench, sharer("big", 12), 30_000);
    expect(victims(bench, sharer("new", 10))).toEqual(["big"]);
  });

  it("is the cheapest of those that are big enough", () => {
    const bench = new Bench();
    load(bench, sharer("dear", 8), 60_000);
    load(bench, sharer("cheap", 8), 5_000);
    load(bench, sharer("middle", 8), 20_000);
    expect(victims(bench, sharer("new", 8))).toEqual(["cheap"]);
  });

  it("is the one that has been idle long, though its reload costs somewhat more", () => {
    const bench = new Bench();
    load(bench, sharer("long-idle", 12), 20_000);
    bench.pass(600_000);
    load(bench, sharer("just-used", 12), 10_000);
    expect(victims(bench, sharer("new", 12))).toEqual(["long-idle"]);
    // Not however dear: a reload of ten minutes outweighs being idle for ten.
    const other = new Bench();
    load(other, sharer("very-dear", 12), 600_000);
    other.pass(600_000);
    load(other, sharer("just-used", 12), 10_000);
    expect(victims(other, sharer("new", 12))).toEqual(["just-used"]);
  });

  it("are several where no single one is enough, and none of them needlessly", () => {
    const bench = new Bench();
    load(bench, sharer("tiny", 2), 1_000);
    load(bench, sharer("a", 10), 5_000);
    load(bench, sharer("b", 10), 6_000);
    expect(victims(bench, sharer("new", 20))).toEqual(["a", "b"]);
    expect(victims(bench, sharer("all", 24))).toEqual(["tiny", "a", "b"]);
  });

  it("is nobody where even all of them are not enough", () => {
    const bench = new Bench();
    load(bench, sharer("kept", 12));
    load(bench, sharer("idle", 8));
    const mayEvict: MayEvict = (worker) => (worker.lane.spec.key === "kept" ? null : "drain");
    expect(victims(bench, sharer("new", 16), mayEvict)).toBeNull();
    bench.submit(sharer("new", 16));
    bench.ask({ type: "pin-worker", workerId: 1, pinned: true });
    expect(bench.effects).toEqual([]);
  });

  it("is nobody where strangers leave too little in any case", () => {
    const bench = new Bench();
    load(bench, sharer("idle", 8));
    bench.seeGpus([{ foreignBytes: 12 * GIB }]);
    expect(bestOffer(bench, sharer("new", 16))).toBeUndefined();
    expect(bestOffer(bench, model("new-a", { vramBytes: 16 * GIB }))).toBeUndefined();
    expect(bestOffer(bench, model("new-b", { vramBytes: 8 * GIB }))?.rank).toBe("evictable");
  });

  it("is nobody who has to be stopped in the midst of a job, while draining another is enough", () => {
    const bench = new Bench();
    load(bench, sharer("running", 12), 1_000);
    load(bench, sharer("idle", 12), 60_000);
    const mayEvict: MayEvict = (worker) => (worker.lane.spec.key === "running" ? "preempt" : "drain");
    expect(victims(bench, sharer("new", 12), mayEvict)).toEqual(["idle"]);
    expect(bestOffer(bench, sharer("new", 12), mayEvict)?.rank).toBe("evictable");
  });

  it("are several who can be drained, rather than one in the midst of a job that is cheaper", () => {
    const bench = new Bench();
    load(bench, sharer("running", 12), 1_000);
    load(bench, sharer("idle-a", 6), 60_000);
    load(bench, sharer("idle-b", 6), 60_000);
    const mayEvict: MayEvict = (worker) => (worker.lane.spec.key === "running" ? "preempt" : "drain");
    expect(victims(bench, sharer("new", 12), mayEvict)).toEqual(["idle-a", "idle-b"]);
  });

  it("is preempted where draining is not enough", () => {
    const bench = new Bench();
    load(bench, sharer("running", 14), 1_000);
    load(bench, sharer("idle", 6), 1_000);
    const mayEvict: MayEvict = (worker) => (worker.lane.spec.key === "running" ? "preempt" : "drain");
    expect(victims(bench, sharer("new", 16), mayEvict)).toEqual(["running"]);
    expect(bestOffer(bench, sharer("new", 16), mayEvict)?.rank).toBe("preemptible");
  });

  it("is nobody who is leaving anyway", () => {
    const bench = new Bench();
    load(bench, sharer("going", 12));
    load(bench, sharer("idle", 12));
    bench.ask({ type: "stop-worker", workerId: 1, force: true });
    expect(bestOffer(bench, sharer("new", 12))).toMatchObject({ rank: "emptying", victims: [] });
  });
});

describe("where a lane goes", () => {
  it("is a free GPU, before one that has to be emptied", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    load(bench, model("idle"), 1_000);
    expect(bestOffer(bench, model("new"))).toMatchObject({ rank: "free", gpu: { index: 1 } });
  });

  it("is the GPU that costs least to empty", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    load(bench, model("dear"), 60_000);
    load(bench, model("cheap"), 5_000);
    expect(bestOffer(bench, model("new"))?.gpu.index).toBe(1);
  });

  it("is never the GPU of a pinned worker", () => {
    const bench = new Bench();
    load(bench, model("idle"));
    bench.ask({ type: "pin-worker", workerId: 1, pinned: true });
    const id = bench.submit(model("new"), { priority: 100 });
    bench.pass(3_000_000);
    expect(bench.worker(1).phase.state).toBe("ready");
    expect(bench.why(id)?.code).toBe("gpu-busy");
  });

  it("is no GPU that the lane has outgrown, while another is large enough", () => {
    const bench = new Bench({ gpus: [{ totalBytes: 16 * GIB }, { totalBytes: 48 * GIB }] });
    const { lane } = laneFor(bench.state, command("train", { mode: "shared", vramBytes: 8 * GIB }));
    const offers = (): number[] =>
      offersFor({
        state: bench.state,
        lane,
        nowMs: bench.nowMs,
        mayEvict: drainAll,
        mayUse: () => true,
      }).map(({ gpu }) => gpu.index);
    expect(offers()).toEqual([0, 1]);
    lane.learned = { ...lane.learned, vramPeakBytes: 20 * GIB };
    expect(offers()).toEqual([1]);
    lane.learned = { ...lane.learned, vramPeakBytes: 60 * GIB };
    expect(offers()).toEqual([1]);
    bench.seeGpus([{ totalBytes: 16 * GIB }]);
    expect(offers()).toEqual([0]);
  });
});
