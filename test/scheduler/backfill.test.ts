import { describe, expect, it } from "vitest";
import { longestRunMs } from "../../src/scheduler/estimate.ts";
import { Bench, command, outcome } from "../kit/scheduler.ts";

const gang = command("gang", { gpuCount: 2 });
const small = command("small");

/** Two GPUs: on the first a job that may run for a minute, and a job for both whose turn is next and that waits for it. */
function waitingGang() {
  const bench = new Bench({ gpus: [{}, {}] });
  bench.submit(command("first"), { timeLimitMs: 60_000 });
  bench.ready(1);
  return { bench, pair: bench.submit(gang, { priority: 1 }) };
}

describe("GPUs that a gang waits for", () => {
  it("are lent to a job that ends before, and to no other", () => {
    const { bench, pair } = waitingGang();
    const long = bench.submit(command("long"), { timeLimitMs: 61_000 });
    const unknown = bench.submit(command("unknown"));
    const short = bench.submit(small, { timeLimitMs: 59_000 });
    expect([pair, long, unknown, short].map((id) => bench.stateOf(id))).toEqual([
      "queued",
      "queued",
      "queued",
      "starting",
    ]);
    expect(bench.why(pair)).toMatchObject({ code: "gpu-busy" });
    expect(bench.why(long)).toMatchObject({ code: "gpu-reserved" });
  });

  it("are its own in time, however many small jobs come", () => {
    const { bench, pair } = waitingGang();
    const running = new Set<number>();
    for (let second = 0; second < 60; second += 5) {
      bench.submit(small, { timeLimitMs: 5_000 });
      for (const worker of bench.state.workers.values())
        if (worker.phase.state === "starting") bench.ready(worker.id);
      for (const worker of bench.state.workers.values()) if (worker.id > 1) running.add(worker.id);
      bench.pass(5_000);
      for (const id of running) if (bench.state.workers.has(id)) bench.exit(id, outcome("succeeded", 0));
    }
    expect(running.size, "most of them were let in between").toBeGreaterThan(8);
    expect(bench.stateOf(pair)).toBe("queued");
    bench.exit(1, outcome("succeeded", 0));
    expect(bench.stateOf(pair)).toBe("starting");
  });

  it.each([
    { runs: 2, deviationMs: 0, longestMs: null, state: "queued", why: "two runs say too little" },
    {
      runs: 3,
      deviationMs: 16_000,
      longestMs: 62_000,
      state: "queued",
      why: "it may take more than the minute",
    },
    { runs: 3, deviationMs: 14_000, longestMs: 58_000, state: "starting", why: "it ends before" },
  ])("are lent by what $runs runs took on average, and two deviations: $why", (row) => {
    const { bench } = waitingGang();
    const id = bench.submit(small, { hold: true });
    const { lane } = bench.job(id);
    const run = { count: row.runs, meanMs: 30_000, squares: (row.runs - 1) * row.deviationMs ** 2 };
    lane.learned = { ...lane.learned, run };
    expect(longestRunMs(bench.job(id))).toBe(row.longestMs);
    bench.ask({ type: "release", jobId: id });
    expect(bench.stateOf(id)).toBe(row.state);
  });
});
