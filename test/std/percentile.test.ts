import { describe, expect, it } from "vitest";
import { nearestRank, spreadOf } from "../../src/std/percentile.ts";

describe("percentiles by nearest rank", () => {
  const twenty = Array.from({ length: 20 }, (_, index) => index + 1);

  it("are values that occur, never means of two", () => {
    expect([0.5, 0.95, 0.99, 1].map((share) => nearestRank(twenty, share))).toEqual([10, 19, 20, 20]);
    expect(nearestRank([1, 2], 0.5)).toBe(1);
    expect(nearestRank([7], 0.01)).toBe(7);
  });

  it("do not slip by a rank where the share times the count is whole", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    for (let rank = 1; rank <= 100; rank++) expect(nearestRank(hundred, rank / 100)).toBe(rank);
  });

  it("make a spread of values in any order, and none of nothing", () => {
    expect(spreadOf([30, 10, 20, 40])).toEqual({ mean: 25, p50: 20, p95: 40, p99: 40, max: 40 });
    expect(spreadOf([])).toBeNull();
  });
});
