import { assert } from "./assert.ts";

/**
 * The percentile by nearest rank: the smallest value that at least `share` of all values do not exceed. It is always one
 * of the values, never a mean of two.
 * @param sorted ascending; at least one
 * @param share above 0, at most 1
 */
export function nearestRank(sorted: ArrayLike<number>, share: number): number {
  // 0.95 × 20 is a little more than 19 in binary: without the margin that would be rank 20.
  const rank = Math.max(1, Math.ceil(share * sorted.length - 1e-9));
  const value = sorted[rank - 1];
  assert(value !== undefined, `there is no rank ${rank} among ${sorted.length} values`);
  return value;
}

/** Mean, percentiles and maximum of some values, in their unit. */
export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The spread of `values`, in any order; null when there are none. */
export function spreadOf(values: Iterable<number>): Spread | null {
  const sorted = Float64Array.from(values).sort();
  const max = sorted.at(-1);
  if (max === undefined) return null;
  return {
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: nearestRank(sorted, 0.5),
    p95: nearestRank(sorted, 0.95),
    p99: nearestRank(sorted, 0.99),
    max,
  };
}
