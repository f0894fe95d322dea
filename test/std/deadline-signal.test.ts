import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { startDeadline } from "../../src/std/deadline-signal.ts";
import { until } from "../kit/until.ts";

/** Signals that nothing but their listeners know of, while garbage is collected. */
const PROGRAM = `
import { startDeadline } from "./deadline.mjs";
const caller = new AbortController();
let fired = 0;
const hold = Array.from({ length: 100 }, () => {
  const { signal } = startDeadline(50, caller.signal);
  signal.addEventListener("abort", () => { fired += 1; });
  return signal;
});
globalThis.gc();
setTimeout(() => { globalThis.gc(); }, 10);
setTimeout(() => console.log(fired, hold.length), 500);
`;

describe("a deadline signal", () => {
  it("aborts in time, whatever the collector of garbage does", () => {
    const dir = mkdtempSync(join(tmpdir(), "orch-deadline-"));
    try {
      const source = join(import.meta.dirname, "../../src/std/deadline-signal.ts");
      buildSync({ entryPoints: [source], format: "esm", outfile: join(dir, "deadline.mjs") });
      writeFileSync(join(dir, "program.mjs"), PROGRAM);
      const { stdout } = spawnSync(process.execPath, ["--expose-gc", join(dir, "program.mjs")], {
        encoding: "utf8",
      });
      expect(stdout).toBe("100 100\n");
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("aborts with the other signal, which is not late; and not at all once it has ended", async () => {
    const caller = new AbortController();
    const first = startDeadline(60_000, caller.signal);
    const second = startDeadline(60_000, caller.signal);
    second.end();
    caller.abort();
    expect([first.signal.aborted, first.isLate(), second.signal.aborted]).toEqual([true, false, false]);
    expect(startDeadline(60_000, caller.signal).signal.aborted, "it was over before").toBe(true);
    const late = startDeadline(1);
    await until("it is late", () => late.isLate());
    expect(late.signal.aborted).toBe(true);
  });
});
