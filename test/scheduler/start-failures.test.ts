import { describe, expect, it } from "vitest";
import { Bench, model } from "../kit/scheduler.ts";

const sdxl = model("sdxl", { slots: 2 });
const other = model("other");

/** Lets the only worker of a lane end unasked. */
const crash = (bench: Bench, workerId: number) =>
  bench.send({ type: "worker-exited", workerId, exit: { exitCode: 9, detail: "killed" }, result: null });

const fail = (bench: Bench, workerId: number) =>
  bench.send({ type: "worker-start-failed", workerId, cause: "program", message: "no such file" });

const lastWorker = (bench: Bench): number => bench.state.nextWorkerId - 1;

describe("the circuit breaker of a lane", () => {
  it("[fault 27] waits longer from failure to failure, up to a cap, with one trial each time", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    for (let count = 0; count < 20; count++) bench.submit(model("sdxl", { maxReplicas: 2 }));
    fail(bench, 1);
    const waits: number[] = [];
    for (let failures = 0; failures < 12; failures++) {
      fail(bench, lastWorker(bench));
      const waitMs = bench.job(20).lane.retryAtMs - bench.nowMs;
      waits.push(waitMs);
      bench.pass(waitMs);
      expect(bench.effects).toEqual([`start ${failures + 3}`]);
    }
    expect(waits.every((waitMs, index) => index === 0 || waitMs >= (waits[index - 1] ?? 0) * 0.8)).toBe(true);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(48_000);
    bench.ready(lastWorker(bench));
    expect(bench.worker(lastWorker(bench)).lane.startFailures).toBe(0);
  });

  it("[fault 27] holds a GPU for a tenth of the time at most with starts that fail slowly", () => {
    const bench = new Bench();
    for (let count = 0; count < 20; count++) bench.submit(sdxl);
    for (let failures = 0; failures < 20; failures++) {
      bench.nowMs += 120_000;
      fail(bench, lastWorker(bench));
      bench.pass((bench.last.wakeAtMs ?? 0) - bench.nowMs);
    }
    bench.nowMs += 120_000;
    fail(bench, lastWorker(bench));
    expect((bench.last.wakeAtMs ?? 0) - bench.nowMs).toBeGreaterThanOrEqual(0.8 * 1_200_000);
  });

  it("two lanes that failed together do not come back together", () => {
    const waitOf = (key: string): number => {
      const bench = new Bench();
      bench.submit(model(key));
      fail(bench, 1);
      return (bench.last.wakeAtMs ?? 0) - bench.nowMs;
    };
    expect(new Set(["a", "b", "c", "d"].map(waitOf)).size).toBe(4);
    expect(waitOf("a")).toBe(waitOf("a"));
  });

  it("[fault 28] opens when workers crash again and again, and closes with a job that succeeds", () => {
    const bench = new Bench();
    const first = bench.submit(sdxl, { retries: 9 });
    for (let crashes = 1; crashes <= 3; crashes++) {
      bench.ready(lastWorker(bench));
      crash(bench, lastWorker(bench));
      bench.pass(600);
      for (let ms = 0; crashes < 3 && bench.stateOf(first) !== "queued" && ms < 10_000; ms += 500)
        bench.pass(500);
    }
    expect(bench.job(first).lane.retryAtMs).toBeGreaterThan(bench.nowMs);
    bench.pass(60_000);
    bench.ready(lastWorker(bench));
    expect(bench.job(first).lane.lastStartError).toMatch("ended unasked");
    bench.end(first);
    expect(bench.worker(lastWorker(bench)).lane.crashes).toBe(0);
  });

  it("[fault 43] a job that kills its worker each time fails alone; those that ran beside it succeed", () => {
    const bench = new Bench();
    const poison = bench.submit(sdxl);
    const neighbours = [bench.submit(sdxl), bench.submit(sdxl), bench.submit(sdxl)];
    const ends = new Map<number, string>();
    for (let turn = 0; turn < 100 && ends.size < 4; turn++) {
      for (const worker of [...bench.state.workers.values()]) {
        if (worker.phase.state === "starting") bench.ready(worker.id);
        const [first] = worker.jobs;
        if (first === undefined) continue;
        if (worker.jobs.has(bench.state.jobs.get(poison) ?? first) && bench.state.jobs.has(poison))
          crash(bench, worker.id);
        else bench.end(first.id);
        for (const { job, state } of bench.last.changes.ended) ends.set(job.id, state);
      }
      bench.pass(1_000);
    }
    expect(ends.get(poison)).toBe("failed");
    expect(neighbours.map((id) => ends.get(id))).toEqual(["succeeded", "succeeded", "succeeded"]);
  });

  it("is reset by a person", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    fail(bench, 1);
    bench.pass(1_000);
    fail(bench, 2);
    expect(bench.why(1)?.text).toMatch('"orch runtimes reset sdxl"');
    bench.ask({ type: "reset-runtime", runtime: "sdxl" });
    expect(bench.effects).toEqual(["start 3"]);
  });

  it("concerns no other lane", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    fail(bench, 1);
    bench.submit(other);
    expect(bench.effects).toEqual(["start 2"]);
  });
});
