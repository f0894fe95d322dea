import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { createRestartLimit } from "../../src/gpu/restart-limit.ts";

test("the first restart is at once, the next ones later and later, and success forgets", () => {
  let nowMs = 0;
  const limit = createRestartLimit({ nowMs: () => nowMs, monotonicMs: () => nowMs });
  expect(limit.refusal()).toBeNull();
  limit.failed("it hung");
  expect(limit.refusal()).toBeNull();
  const waits = Array.from({ length: 10 }, () => {
    limit.failed("it hung again");
    const refusal = limit.refusal();
    const waitMs = Number(/^it hung again; it is tried again in (\d+) ms$/.exec(refusal ?? "")?.[1]);
    nowMs += waitMs - 1;
    expect(limit.refusal()).not.toBeNull();
    nowMs += 1;
    expect(limit.refusal()).toBeNull();
    return waitMs;
  });
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  limit.failed("once more");
  limit.succeeded();
  expect(limit.refusal()).toBeNull();
});

test("no more than three that cannot be killed are left behind", async () => {
  const limit = createRestartLimit({ nowMs: () => 0, monotonicMs: () => 0 });
  const children = Array.from({ length: 3 }, () => spawn("sleep", ["600"], { stdio: "ignore" }));
  try {
    for (const [index, child] of children.entries()) {
      expect(limit.refusal(), `with ${index} hanging`).toBeNull();
      limit.watchDying(child);
    }
    expect(limit.refusal()).toMatch(/^3 earlier helpers hang in the driver/);
  } finally {
    const ends = children.map((child) => once(child, "exit"));
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(ends);
  }
  expect(limit.refusal()).toBeNull();
});
