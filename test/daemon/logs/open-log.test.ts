import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { openLog } from "../../../src/daemon/logs/open-log.ts";
import { mountSmallDisk } from "../../kit/small-disk.ts";

test("the log is private, appended to, and written at the end of each turn", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orch-log-"));
  try {
    const file = join(dir, "daemon.log");
    openLog(file, "info").info("one");
    const log = openLog(file, "info");
    log.debug("not asked for");
    log.warn({ jobId: 5 }, "two");
    await setImmediate();
    const lines = readFileSync(file, "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { msg: "one", level: 30 },
      { msg: "two", level: 40, jobId: 5, pid: process.pid },
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("fields that bear the names of secrets are hidden, at any depth", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orch-log-"));
  try {
    const file = join(dir, "daemon.log");
    const log = openLog(file, "info");
    const env = { PATH: "/bin", HF_TOKEN: "canary-value" };
    log.info(
      { launch: { argv: ["python3"], env: [env] }, apiKey: "canary-value", err: new Error("why") },
      "planned",
    );
    await setImmediate();
    const text = readFileSync(file, "utf8");
    expect(text).not.toContain("canary-value");
    expect(JSON.parse(text)).toMatchObject({
      launch: { argv: ["python3"], env: [{ PATH: "/bin", HF_TOKEN: "[hidden]" }] },
      apiKey: "[hidden]",
      err: { message: "why" },
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("a disk that is full costs lines, not the daemon, and no endless memory [fault 8]", () => {
  const log = openLog("/dev/full", "info");
  const before = process.memoryUsage().heapUsed;
  for (let line = 0; line < 20_000; line++) log.info({ line, filler: "x".repeat(1000) }, "into the void");
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 2 ** 20);
});

test("it goes on when there is room again", async ({ skip }) => {
  using disk = mountSmallDisk(1);
  if (disk === null) return skip("no tmpfs can be mounted here");
  const file = join(disk.path, "daemon.log");
  const log = openLog(file, "info");
  log.info("before");
  await setImmediate();
  disk.fill();
  for (let line = 0; line < 100; line++) log.info({ filler: "x".repeat(1000) }, "while it is full");
  await setImmediate();
  disk.clear();
  log.info("after");
  await setImmediate();
  expect(readFileSync(file, "utf8")).toMatch(/"before"[\s\S]*"while it is full"[\s\S]*"after"/);
});
