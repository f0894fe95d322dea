import { describe, expect, it } from "vitest";
import type { JobChange } from "../../src/scheduler/change-job.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { rowOfJob, rowsOf } from "../../src/scheduler/rows.ts";
import { Bench, GIB, model } from "../kit/scheduler.ts";

const lane = model("sdxl");

/** Jobs 1 to 3 wait for a GPU that is not there. */
function waiting(policy: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench({ gpus: [{ healthy: false }], ...policy });
  for (let count = 0; count < 3; count++) bench.submit(lane);
  return bench;
}

const change = (bench: Bench, jobId: number, asked: JobChange) =>
  bench.ask({ type: "change-job", jobId, change: asked });

const order = (bench: Bench): number[] => bench.state.lanes.get(lane.key)?.queue.list(9) ?? [];

describe("a waiting job", () => {
  it("takes the place that its new priority gives it, and a restart knows that", () => {
    const bench = waiting();
    expect(change(bench, 2, { priority: 5 })).toEqual({ ok: true, ids: [2] });
    expect(order(bench)).toEqual([2, 1, 3]);
    change(bench, 1, { priority: -1 });
    expect(order(bench)).toEqual([2, 3, 1]);
    expect(bench.last.changes.jobs.has(bench.job(1))).toBe(true);
    const again = restore(bench.state.policy, rowsOf(bench.state));
    expect(again.lanes.get(lane.key)?.queue.list(9)).toEqual([2, 3, 1]);
    expect(bench.state.terms.size, "terms that nobody has are forgotten").toBe(3);
  });

  it("takes a time limit and retries that then hold", () => {
    const bench = new Bench();
    const id = bench.submit(lane, { hold: true });
    change(bench, id, { timeLimitMs: 2_000, retries: 1 });
    bench.ask({ type: "release", jobId: id });
    bench.ready(1);
    bench.end(id, "failed");
    expect(bench.stateOf(id)).toBe("held");
    bench.pass(1_000);
    expect(bench.stateOf(id)).toBe("running");
    bench.pass(2_000);
    expect(bench.why(id)).toEqual({ code: "ending", text: "it is being stopped (time-limit)" });
  });

  it("waits for a begin that is given later, and starts when that is taken back", () => {
    const bench = waiting();
    change(bench, 1, { notBeforeMs: bench.nowMs + 9_000 });
    expect([bench.why(1)?.code, order(bench)]).toEqual(["begin", [2, 3]]);
    change(bench, 1, { notBeforeMs: bench.nowMs + 5_000 });
    bench.pass(5_000);
    expect(order(bench)).toEqual([1, 2, 3]);
    change(bench, 2, { notBeforeMs: bench.nowMs + 9_000 });
    change(bench, 2, { notBeforeMs: null });
    expect(order(bench)).toEqual([1, 2, 3]);
  });

  it("cannot have to be done before it may begin", () => {
    const bench = waiting();
    const early = { deadlineMs: bench.nowMs + 5_000 };
    expect(change(bench, 1, { ...early, notBeforeMs: bench.nowMs + 5_000 })).toMatchObject({
      code: "job/deadline",
      message: "job 1 would have to be done before it may begin",
    });
    expect(change(bench, 1, early)).toMatchObject({ ok: true });
    expect(change(bench, 1, { notBeforeMs: bench.nowMs + 9_000 })).toMatchObject({ code: "job/deadline" });
    expect(change(bench, 2, { notBeforeMs: bench.nowMs + 9_000 })).toMatchObject({ ok: true });
    expect(change(bench, 2, early)).toMatchObject({ code: "job/deadline" });
    expect(change(bench, 2, { ...early, notBeforeMs: null })).toMatchObject({ ok: true });
  });

  it("keeps what else holds it when its begin is taken back", () => {
    const bench = new Bench();
    const id = bench.submit(lane, { hold: true, notBeforeMs: bench.nowMs + 9_000 });
    change(bench, id, { notBeforeMs: null });
    expect(bench.why(id)?.code).toBe("held");
  });

  it("can have its deadline moved: what the old one set up is void", () => {
    const bench = waiting();
    change(bench, 3, { deadlineMs: bench.nowMs + 200_000 });
    bench.pass(100_000);
    expect(order(bench), "its deadline is close").toEqual([3, 1, 2]);
    change(bench, 3, { deadlineMs: bench.nowMs + 3_600_000 });
    expect(order(bench)).toEqual([1, 2, 3]);
    bench.pass(100_000);
    expect([bench.stateOf(3), order(bench)], "the old deadline").toEqual(["queued", [1, 2, 3]]);
    bench.pass(3_400_000);
    expect(order(bench), "close to the new one").toEqual([3, 1, 2]);
    change(bench, 3, { deadlineMs: null });
    bench.pass(3_600_000);
    expect(bench.stateOf(3)).toBe("queued");
  });

  it("refuses a deadline that is past", () => {
    const bench = waiting();
    const before = rowOfJob(bench.job(1));
    expect(change(bench, 1, { deadlineMs: bench.nowMs })).toMatchObject({ code: "job/deadline" });
    expect(rowOfJob(bench.job(1))).toEqual(before);
  });

  it("may be lowered by its user, and raised as far as the quota says", () => {
    const quota = { running: null, queued: null, gpuHours: null, maxPriority: 5 };
    const bench = waiting({ policy: { quotas: { "user:*": quota } } });
    expect(change(bench, 1, { priority: 6 })).toMatchObject({ ok: false, code: "quota/refused" });
    expect(change(bench, 1, { priority: 5 })).toMatchObject({ ok: true });
    expect(change(bench, 1, { priority: -1000 })).toMatchObject({ ok: true });
  });
});

describe("a job that runs", () => {
  it("is not changed", () => {
    const bench = new Bench();
    const id = bench.submit(lane);
    bench.ready(1);
    expect(change(bench, id, { priority: 1 })).toMatchObject({
      ok: false,
      code: "job/state",
      message: "job 1 is running; only waiting jobs can be changed",
    });
    bench.end(id);
    expect(change(bench, id, { priority: 1 })).toMatchObject({ code: "job/unknown" });
  });
});

describe("a waiting job that is given other work", () => {
  const other = model("flux");
  const work = { lane: other, params: { steps: 3 }, summary: "three", estimateKey: "flux/3" };

  it("moves to the lane of its new params, keeps its terms, and a restart knows that", () => {
    const bench = waiting();
    change(bench, 2, { priority: 7 });
    expect(change(bench, 2, { work })).toEqual({ ok: true, ids: [2] });
    expect(order(bench)).toEqual([1, 3]);
    expect(bench.state.lanes.get("flux")?.queue.list(9)).toEqual([2]);
    expect(bench.job(2)).toMatchObject({ priority: 7 });
    expect(bench.job(2).terms.estimate?.key).toBe("flux/3");
    expect(bench.last.changes.reworked).toEqual([{ job: bench.job(2), work }]);
    expect([...bench.last.changes.lanes].map(({ spec }) => spec.key)).toEqual(["flux"]);
    const again = restore(bench.state.policy, rowsOf(bench.state));
    expect(again.lanes.get("flux")?.queue.list(9)).toEqual([2]);
    change(bench, 1, { work: { ...work, lane } });
    expect(order(bench), "it keeps its place").toEqual([1, 3]);
  });

  it("runs in the new lane, also when it was held meanwhile", () => {
    const bench = new Bench();
    const id = bench.submit(lane, { hold: true });
    change(bench, id, { work });
    bench.ask({ type: "release", jobId: id });
    bench.ready(1);
    expect(bench.stateOf(id)).toBe("running");
    expect([...bench.state.workers.values()].map((worker) => worker.lane.spec.key)).toEqual(["flux"]);
    expect(change(bench, id, { work })).toMatchObject({ ok: false, code: "job/state" });
  });

  it("is left as it is when no GPU could hold the new work", () => {
    const bench = new Bench({ gpus: [{ totalBytes: GIB }] });
    const id = bench.submit(lane, { hold: true });
    const large = { ...work, lane: model("large", { vramBytes: 2 * GIB }) };
    expect(change(bench, id, { priority: 3, work: large })).toMatchObject({
      ok: false,
      code: "gpu/too-large",
    });
    expect(bench.job(id)).toMatchObject({ priority: 0 });
    expect(bench.job(id).lane.spec.key).toBe("sdxl");
    expect(bench.state.lanes.has("large")).toBe(false);
  });
});

it("what is not over is never forgotten, nor is the newest job", () => {
  const bench = new Bench({ gpus: [] });
  const [over, live, newest] = [lane, lane, lane].map((each) =>
    bench.submit({ ...each, gpuCount: 0 }, { hold: true }),
  );
  for (const jobId of [over ?? 0, newest ?? 0]) bench.ask({ type: "cancel", jobId });
  const jobIds = [over ?? 0, live ?? 0, newest ?? 0];
  expect(bench.ask({ type: "forget-jobs", jobIds })).toEqual({ ok: true, ids: [over] });
  expect(bench.last.changes.forgotten).toEqual([over]);
});
