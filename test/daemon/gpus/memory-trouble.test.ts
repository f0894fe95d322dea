import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseKills, ranOutOfMemory, watchHostMemory } from "../../../src/daemon/gpus/memory-trouble.ts";

function withLog<T>(text: string, use: (path: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), "orch-log-"));
  try {
    writeFileSync(join(dir, "log"), text);
    return use(join(dir, "log"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const words = "Traceback …\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n";

describe("the end of a log", () => {
  it("tells that the GPU's memory was too small, also before some screens of a launcher's own", () => {
    expect(withLog(words, (path) => ranOutOfMemory(1, path))).toBe(true);
    const summary = "E1121 12:00:00 torch/distributed/elastic: failed (exitcode: 1)\n".repeat(100);
    expect(withLog(words + summary, (path) => ranOutOfMemory(1, path))).toBe(true);
  });

  it("tells nothing of a program that succeeded, or whose words are long past", () => {
    expect(withLog(words, (path) => ranOutOfMemory(0, path))).toBe(false);
    expect(withLog(words, (path) => ranOutOfMemory(null, path))).toBe(false);
    expect(withLog(words + "step\n".repeat(10_000), (path) => ranOutOfMemory(1, path))).toBe(false);
    expect(ranOutOfMemory(1, "/nowhere/log")).toBe(false);
  });
});

describe("host memory", () => {
  it("was the reason for a SIGKILL if the kernel has counted one more", () => {
    let kills = 3;
    const memory = watchHostMemory(() => kills);
    expect(memory.wasKilled(137)).toBe(false);
    kills = 4;
    expect(memory.wasKilled(1)).toBe(false);
    expect(memory.wasKilled(137)).toBe(true);
    expect(memory.wasKilled(137)).toBe(false);
  });

  it("is not blamed where the kernel does not count", () => {
    expect(watchHostMemory(() => null).wasKilled(137)).toBe(false);
  });

  it("is counted in the kernel's files", () => {
    expect(parseKills("low 0\nhigh 0\nmax 1\noom 2\noom_kill 17\noom_group_kill 1\n")).toBe(17);
    expect(parseKills("nr_free_pages 5\n")).toBeNull();
    expect(() => watchHostMemory().wasKilled(137)).not.toThrow();
  });
});
