import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SweepOptions, sweepLogs } from "../../../src/daemon/logs/sweep-logs.ts";

const NOW_MS = 1_000_000_000_000;
const DAY_MS = 86_400_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-sweep-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(name: string, ageDays: number, bytes = 4096): void {
  const file = join(dir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Buffer.alloc(bytes, 1));
  const at = (NOW_MS - ageDays * DAY_MS) / 1000;
  utimesSync(file, at, at);
}

const sweep = (more: Partial<SweepOptions>) =>
  sweepLogs({
    jobsDir: join(dir, "jobs"),
    workersDir: join(dir, "workers"),
    isLiveJob: (id) => id === 7,
    isLiveWorker: (id) => id === 8,
    nowMs: NOW_MS,
    maxAgeMs: null,
    totalBytes: null,
    ...more,
  });

const left = (...names: string[]): string[] => names.filter((name) => existsSync(join(dir, name)));

test("what is too old goes with its parts and times, but never what is live or no log", async () => {
  put("jobs/0/1/attempt-1.log", 40);
  put("jobs/0/1/attempt-1.log.0-100.gz", 50);
  put("jobs/0/1/attempt-1.log.times", 40);
  put("jobs/0/1/output/image.png", 40);
  put("jobs/0/2/attempt-1.log", 40);
  put("jobs/0/2/attempt-2.log", 1);
  put("jobs/0/7/attempt-1.log", 40);
  put("jobs/1/1000/attempt-1.log", 1);
  put("workers/3.log", 40);
  put("workers/3.log.times", 40);
  put("workers/8.log", 40);
  put("workers/9.params.json", 40);
  expect(await sweep({ maxAgeMs: 30 * DAY_MS })).toMatchObject({ files: 5, leftBytes: 5 * 4096 });
  const kept = [
    "jobs/0/1/output/image.png",
    "jobs/0/2/attempt-1.log",
    "jobs/0/2/attempt-2.log",
    "jobs/0/7/attempt-1.log",
    "jobs/1/1000/attempt-1.log",
    "workers/8.log",
    "workers/9.params.json",
  ];
  expect(left(...kept, "jobs/0/1/attempt-1.log", "workers/3.log")).toEqual(kept);
});

test("the oldest jobs' logs go until the rest is small enough", async () => {
  const logs = [1, 2, 3, 7, 1001].map((id) => `jobs/${Math.floor(id / 1000)}/${id}/attempt-1.log`);
  for (const log of logs) put(log, 1, 65_536);
  expect(await sweep({ totalBytes: 5 * 65_536 })).toMatchObject({ files: 0, bytes: 0 });
  expect(await sweep({ totalBytes: 3 * 65_536 })).toEqual({
    leftBytes: 3 * 65_536,
    files: 2,
    bytes: 2 * 65_536,
  });
  expect(left(...logs)).toEqual(logs.slice(2));
  await sweep({ totalBytes: 0 });
  expect(left(...logs), "what is live stays").toEqual(["jobs/0/7/attempt-1.log"]);
});

test("folders that are not there hold nothing", async () => {
  expect(await sweep({ maxAgeMs: 1, totalBytes: 0 })).toMatchObject({ files: 0, bytes: 0 });
});
