import { describe, expect, it } from "vitest";
import { buildOrch, sharedOrch } from "../kit/built-orch.ts";
import { mountSmallDisk } from "../kit/small-disk.ts";
import { type Reading, trends } from "./measure.ts";
import { heading, runSoak } from "./soak.ts";

const MINUTES = Number(process.env["ORCH_SOAK_MINUTES"] || 0.4);
const SEED = Number(process.env["ORCH_SOAK_SEED"] || 1);
const EVERY_MS = Math.min(60_000, MINUTES * 5_000);

describe("a soak", () => {
  it(`of ${MINUTES} minutes of random faults leaves descriptors, memory, write-ahead log and zombies flat, every promise kept [fault 56]`, {
    timeout: MINUTES * 60_000 + 240_000,
  }, async () => {
    using disk = mountSmallDisk(256);
    console.log(`seed ${SEED}\n${heading}`);
    const report = await runSoak(await sharedOrch(), {
      ...{ seed: SEED, durationMs: MINUTES * 60_000, everyMs: EVERY_MS, disk },
      say: (line) => console.log(line),
    });
    const faults = Object.entries(report.faults).map(([name, count]) => `${count} × ${name}`);
    console.log(`${report.jobs} jobs; ${faults.join(", ")}`);
    expect(report.violations).toEqual([]);
    expect(report.jobs).toBeGreaterThan(20);
  });

  it("finds an orch that leaks descriptors with each request", { timeout: 120_000 }, async () => {
    using built = await buildOrch([
      {
        file: "src/daemon/http/router.ts",
        find: "return (method, path) => {",
        replace:
          'return (method, path) => { for (let count = 0; count < 5; count++) process.getBuiltinModule("node:fs").openSync("/dev/null");',
      },
    ]);
    const report = await runSoak(built.bin, {
      seed: 3,
      durationMs: 12_000,
      everyMs: 1_000,
      disk: null,
      killsDaemon: false,
      say: () => {},
    });
    expect(report.violations.join("\n")).toContain("descriptors rises");
  });

  it("takes what goes up and down for flat, and what only goes up not", () => {
    const readings = (rss: (minute: number) => number): Reading[] =>
      Array.from({ length: 30 }, (_, minute) => ({
        ...{ atMs: minute * 60_000, descriptors: 30, walBytes: 4e6, zombies: 0 },
        rssBytes: rss(minute) * 2 ** 20,
      }));
    expect(trends(readings((minute) => 100 + 40 * (minute % 3)))).toEqual([]);
    expect(trends(readings((minute) => 100 + 2 * minute))).toHaveLength(1);
  });
});
