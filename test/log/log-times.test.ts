import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  lastNotedSize,
  noteTime,
  offsetSince,
  offsetUntil,
  readTimes,
  timeAt,
} from "../../src/log/log-times.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-times-"));
  file = join(dir, "log");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("sizes and times lead from one to the other", async () => {
  writeFileSync(file, "x".repeat(100));
  utimesSync(file, 5, 5);
  for (const [atMs, size] of [
    [1_000, 10],
    [2_000, 30],
    [4_000, 90],
  ] as const)
    await noteTime(file, { atMs, size });
  const times = await readTimes(file);
  expect(times.at(-1), "the file itself knows the last").toEqual({ atMs: 5_000, size: 100 });
  expect([0, 1_000, 1_001, 2_500, 9_999].map((ms) => offsetSince(times, ms))).toEqual([0, 0, 10, 30, 100]);
  expect([500, 1_000, 1_500, 4_500, 9_999].map((ms) => offsetUntil(times, ms))).toEqual([
    10,
    10,
    30,
    100,
    null,
  ]);
  expect([0, 9, 10, 89, 99, 100].map((at) => timeAt(times, at))).toEqual([
    1_000,
    1_000,
    2_000,
    4_000,
    5_000,
    null,
  ]);
  expect(await lastNotedSize(file)).toBe(90);
});

test("a line that a full disk cut off and a clock that was set back do no harm", async () => {
  writeFileSync(`${file}.times`, "1000 10\n900 20\n3000 4\n12");
  expect(await readTimes(file)).toEqual([{ atMs: 1_000, size: 10 }]);
  expect(await readTimes(join(dir, "missing"))).toEqual([]);
});
