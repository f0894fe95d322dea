import { expect, it } from "vitest";
import { TokenBucket } from "../../src/gateway/token-bucket.ts";

const limit = { count: 10, perMs: 10_000 };

it("a bucket gives what it holds, fills up bit by bit, and says when there will be enough", () => {
  const bucket = new TokenBucket(limit, 0);
  expect(bucket.take(10, 0)).toBe(0);
  expect(bucket.take(1, 0)).toBe(1_000);
  expect(bucket.take(3, 500), "half of one is there").toBe(2_500);
  expect(bucket.take(1, 1_000)).toBe(0);
  expect(bucket.take(1, 1_000)).toBe(1_000);
  expect(bucket.take(11, 1_000), "never").toBe(Number.POSITIVE_INFINITY);
  expect(bucket.isFull(10_999)).toBe(false);
  expect(bucket.isFull(11_000)).toBe(true);
  expect(bucket.levelAt(1e9), "it holds no more than that").toBe(10);
});

it("a clock that is set back gives nothing and takes nothing; one that is set on fills it once", () => {
  const bucket = new TokenBucket(limit, 1_000_000, 4);
  expect(bucket.levelAt(0)).toBe(4);
  expect(bucket.take(4, 0)).toBe(0);
  expect(bucket.take(1, 0)).toBe(1_000);
  expect(bucket.take(1, 1_000), "it goes on from the clock as it is now").toBe(0);
  expect(bucket.take(10, 1e12)).toBe(0);
  expect(bucket.take(1, 1e12)).toBe(1_000);
});

it("a bucket that was kept over a restart holds what was left, and what came since", () => {
  expect(new TokenBucket(limit, 0, 2).levelAt(3_000)).toBe(5);
  expect(new TokenBucket(limit, 0, 50).levelAt(0), "its limit is smaller now").toBe(10);
});
