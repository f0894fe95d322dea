import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

it("the demo does what it says and leaves nothing behind", { timeout: 120_000 }, async () => {
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), "orch-demo-test-"));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["scripts/demo.mjs"], {
      cwd: root,
      env: { ...process.env, TMPDIR: tmp },
      maxBuffer: 2 ** 24,
    });
    expect(stdout).toMatch(/held-out perplexity \d+\.\d\d per character/);
    const [, overlaps, switches] =
      /leases, (\d+) overlaps; twelve alternating jobs cost (\d+) switch/.exec(stdout) ?? [];
    expect(Number(overlaps)).toBe(0);
    expect(Number(switches)).toBeLessThan(12);
    // Each of the twelve wrote something.
    expect(stdout.match(/^ {3}job +\d+ (newton|twain) +\S/gm)).toHaveLength(12);
    expect(fs.readdirSync(tmp)).toEqual([]);
    expect(programsUnder(tmp)).toEqual([]);
  } finally {
    fs.rmSync(tmp, { recursive: true, force: true });
  }
});

/** Pids of processes whose environment names the folder. */
function programsUnder(dir: string): string[] {
  return fs.readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(`ORCH_HOME=${dir}`)
      );
    } catch {
      return false;
    }
  });
}
