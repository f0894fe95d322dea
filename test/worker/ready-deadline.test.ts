import { describe, expect, it } from "vitest";
import { noRuns, type RunStats, withRun } from "../../src/scheduler/learned.ts";
import { readyDeadline } from "../../src/worker/ready-deadline.ts";

const loads = (...times: number[]): RunStats => times.reduce(withRun, noRuns);

describe("how long a start may take [fault 27]", () => {
  it("is what the runtime declares, whatever was learned", () => {
    const { deadlineMs, why } = readyDeadline(5_000, loads(60_000, 60_000, 60_000), 2);
    expect([deadlineMs, why]).toEqual([5_000, "as its runtime declares"]);
  });

  it("is ten minutes where too little was measured", () => {
    expect(readyDeadline(null, loads(100, 100), 0).deadlineMs).toBe(600_000);
  });

  it.each([
    { name: "three times what it took", times: [40_000, 40_000, 40_000], failures: 0, expected: 120_000 },
    { name: "more where starts scatter", times: [20_000, 40_000, 60_000], failures: 0, expected: 300_000 },
    { name: "a minute at least", times: [500, 500, 500], failures: 0, expected: 60_000 },
    { name: "half an hour at most", times: [1e6, 1e6, 1e6], failures: 0, expected: 1_800_000 },
    {
      name: "twice as long after each failure",
      times: [40_000, 40_000, 40_000],
      failures: 2,
      expected: 480_000,
    },
  ])("is $name", ({ times, failures, expected }) => {
    const { deadlineMs, why } = readyDeadline(null, loads(...times), failures);
    expect(deadlineMs).toBe(expected);
    expect(why).toMatch(/^learned: 3 starts took .+ on average$/);
  });
});
