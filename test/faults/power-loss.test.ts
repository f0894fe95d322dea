import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { buildOrch, sharedOrch } from "../kit/built-orch.ts";
import { need } from "../kit/need.ts";
import { buildWriteCache, losePower } from "./power-loss.ts";

const ROUNDS = Number(process.env["ORCH_POWER_ROUNDS"] || 6);
const hasCompiler = need("C compiler (cc)", spawnSync("cc", ["--version"]).status === 0);

describe.skipIf(!hasCompiler)("power loss (needs cc)", () => {
  it(`${ROUNDS} times: every acknowledged submit is there, the database is whole [fault 6]`, {
    timeout: 20_000 + ROUNDS * 5_000,
  }, async () => {
    using cache = buildWriteCache();
    const report = await losePower(await sharedOrch(), cache.path, { seed: 1, rounds: ROUNDS });
    console.log(`${ROUNDS} times without power, ${report.acknowledged} jobs acknowledged`);
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(ROUNDS * 10);
  });

  it.each(["OFF", "NORMAL"])(
    "finds an orch that does not wait for the disk (synchronous = %s)",
    async (mode) => {
      using cache = buildWriteCache();
      using built = await buildOrch([
        { file: "src/store/database.ts", find: "synchronous = FULL", replace: `synchronous = ${mode}` },
      ]);
      const { violations } = await losePower(built.bin, cache.path, { seed: 2, rounds: 4 });
      expect(violations.join("\n")).toMatch(/^I1: job \d+ .* was acknowledged|^the database/m);
    },
  );
});
