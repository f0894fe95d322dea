import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { SimResult } from "../../src/sim/run-seed.ts";
import { plantedBugs } from "./all-planted-bugs.ts";
import { bundleSimulator, type Mutation } from "./bundle-simulator.ts";

/** A bug that takes more seeds than this to be found is one the simulator does not look for. */
const SEEDS = 1_000;

const dir = mkdtempSync(join(tmpdir(), "orch-planted-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Simulator {
  runSeed(seed: number, overrides: object, keepsTrace: boolean): SimResult;
}

async function simulator(name: string, bug: Mutation | null): Promise<Simulator> {
  const path = await bundleSimulator("run-seed.ts", join(dir, `${name}.mjs`), bug);
  return (await import(pathToFileURL(path).href)) as Simulator;
}

function firstFailure({ runSeed }: Simulator, seeds = SEEDS): SimResult | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const result = runSeed(seed, {}, false);
    if (result.failure !== null) return result;
  }
  return undefined;
}

describe("planted bugs", () => {
  it("finds nothing where nothing was planted", { timeout: 240_000 }, async () => {
    expect(firstFailure(await simulator("sound", null), 100)?.failure).toBeUndefined();
  });

  it.each(plantedBugs.map((bug, index) => ({ ...bug, index })))(
    "finds it when $name",
    { timeout: 240_000 },
    async ({ index, ...bug }) => {
      expect(bug.replace).not.toBe(bug.find);
      const found = firstFailure(await simulator(`bug-${index}`, bug));
      expect(found, `${bug.why}: not found within ${SEEDS} seeds`).toBeDefined();
      if (process.env["ORCH_SIM_VERBOSE"]) console.log(`${bug.name}: seed ${found?.seed}, ${found?.failure}`);
    },
  );
});
