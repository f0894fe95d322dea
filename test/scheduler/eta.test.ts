import { describe, expect, it } from "vitest";
import { etaErrorOf } from "../../src/scheduler/eta.ts";
import { Bench, model } from "../kit/scheduler.ts";

const errorOf = (bench: Bench, key: string) => {
  const lane = bench.state.lanes.get(key);
  return lane ? etaErrorOf(lane) : null;
};

describe("how good answers were", () => {
  it("is learned when the job starts, from the first answer, and goes to the store with its lane", () => {
    const bench = new Bench();
    const first = bench.submit(model("m"));
    bench.send({ type: "eta-given", jobId: first, etaMs: bench.nowMs + 8_000 });
    bench.nowMs += 4_000;
    bench.send({ type: "eta-given", jobId: first, etaMs: bench.nowMs + 1 });
    expect(errorOf(bench, "m")).toBeNull();
    bench.nowMs += 6_000;
    const { changes } = bench.ready(1);
    expect(bench.stateOf(first)).toBe("running");
    expect([...changes.lanes].map((lane) => lane.spec.key)).toEqual(["m"]);
    expect(errorOf(bench, "m")).toEqual({ meanMs: 2_000, share: 0.25, count: 1 });
    expect(bench.state.etas.size).toBe(0);
  });

  it("is the mean of how far off they were, early or late", () => {
    const bench = new Bench();
    const ids = [1, 2].map(() => bench.submit(model("m")));
    bench.ready(1);
    for (const [index, id] of ids.entries()) {
      const next = bench.submit(model("m"));
      bench.send({ type: "eta-given", jobId: next, etaMs: bench.nowMs + 20_000 });
      bench.nowMs += 10_000 + index * 20_000;
      bench.end(id);
    }
    // Jobs 1 and 2 run first; each end lets the next one start, 10 s and 10 s off.
    bench.end(3);
    expect(errorOf(bench, "m")).toMatchObject({ count: 2 });
  });

  it("is nothing of jobs that run, are over, or are unknown", () => {
    const bench = new Bench();
    const job = bench.submit(model("m"));
    const other = bench.submit(model("m"));
    bench.ready(1);
    for (const jobId of [job, 999]) bench.send({ type: "eta-given", jobId, etaMs: bench.nowMs });
    expect(bench.state.etas.size).toBe(0);
    bench.send({ type: "eta-given", jobId: other, etaMs: bench.nowMs });
    bench.ask({ type: "cancel", jobId: other });
    expect(bench.state.etas.size).toBe(0);
    expect(errorOf(bench, "m")).toBeNull();
  });

  it("is remembered of so many jobs only", () => {
    const bench = new Bench();
    for (let count = 0; count < 400; count++) {
      const jobId = bench.submit(model("m"), { hold: true });
      bench.send({ type: "eta-given", jobId, etaMs: bench.nowMs });
    }
    expect(bench.state.etas.size).toBe(256);
    expect([bench.state.etas.has(400), bench.state.etas.has(1)]).toEqual([true, false]);
  });
});

it("one-shot workers are measured, too: how long it takes until their program runs", () => {
  const bench = new Bench();
  bench.submit(model("run", { residency: "one-shot" }));
  bench.nowMs += 700;
  bench.ready(1);
  expect(bench.state.lanes.get("run")?.learned.startMs).toBe(700);
});
