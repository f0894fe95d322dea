import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStat } from "../../src/engine/identity.ts";
import { type Child, loadPosixSpawn, type Spawn } from "../../src/engine/posix-spawn.ts";
import { must } from "../../src/std/assert.ts";

let dir: string;
let spawn: Spawn;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-spawn-"));
  spawn = must(loadPosixSpawn(), "koffi is installed where tests run");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Starts a line of shell whose output goes to a file. */
function startLine(line: string, more: { cwd?: string; env?: Record<string, string>; args?: string[] } = {}) {
  const log = join(dir, "log");
  const logFd = openSync(log, "w");
  try {
    const argv = ["/bin/sh", "-c", line, "sh", ...(more.args ?? [])];
    return { child: spawn({ file: "/bin/sh", argv, env: {}, cwd: "/", ...more, logFd }), log };
  } finally {
    closeSync(logFd);
  }
}

function endOf(child: Child): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve([code, signal])));
}

async function outputOf(...args: Parameters<typeof startLine>): Promise<string> {
  const { child, log } = startLine(...args);
  await endOf(child);
  return readFileSync(log, "utf8");
}

describe("a program started with posix_spawn", () => {
  test("ends with its own code, or with the signal that ended it", async () => {
    expect(await endOf(startLine("exit 7").child)).toEqual([7, null]);
    expect(await endOf(startLine("kill -9 $$").child)).toEqual([null, "SIGKILL"]);
  });

  test("can be signalled until its end is known, and not after", async () => {
    const { child } = startLine("sleep 60");
    expect(child.kill("SIGTERM")).toBe(true);
    expect(await endOf(child)).toEqual([null, "SIGTERM"]);
    expect(child.kill("SIGTERM")).toBe(false);
  });

  test("leads a session of its own", async () => {
    const { child } = startLine("sleep 60");
    const stat = must(readStat(child.pid ?? 0), "it runs");
    expect([stat.groupId, stat.sessionId]).toEqual([child.pid, child.pid]);
    child.kill("SIGKILL");
    await endOf(child);
  });

  test("gets its arguments, environment and folder as they are, an empty stdin, and one file for both outputs", async () => {
    const text = await outputOf('cat; pwd; echo "$NAME"; echo "$1" >&2', {
      cwd: dir,
      env: { NAME: "a=b 'c' ü" },
      args: ["$(date) *\n2"],
    });
    expect(text).toBe(`${dir}\na=b 'c' ü\n$(date) *\n2\n`);
  });

  test("has none of our descriptors and the default meaning of every signal", async () => {
    const secret = openSync(join(dir, "secret"), "w");
    const text = await outputOf("ls -l /proc/self/fd; grep -E '^Sig(Ign|Blk)' /proc/self/status");
    closeSync(secret);
    expect(text).toContain("/log");
    expect(text).not.toContain("secret");
    expect(text).toMatch(/SigBlk:\t0{16}\n/);
    // Signals 32 and 33 are the C library's own; it ignores them until it needs them. SIGPIPE would be 1000.
    expect(text).toMatch(/SigIgn:\t0{7}[0-3][08]0{7}\n/);
  });

  test("takes as much argument and environment as the kernel does", async () => {
    const long = "x".repeat(120_000);
    const env = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`V${index}`, long]));
    expect(await outputOf('echo "$#"; printf %s "$V7" | wc -c', { env, args: [long, long] })).toBe(
      "2\n120000\n",
    );
  });
});

describe("what cannot be started", () => {
  test("is refused with the system's name for the reason", () => {
    expect(() => startLine("true", { cwd: join(dir, "gone") })).toThrow(/ENOENT/);
    expect(() => startLine("true", { args: ["x".repeat(3_000_000)] })).toThrow(/E2BIG/);
  });

  test("is refused when a NUL would cut it", () => {
    expect(() => startLine("true", { args: ["a\0b"] })).toThrow(/NUL/);
    expect(() => startLine("true", { env: { A: "b\0c" } })).toThrow(/NUL/);
  });
});
