import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import type { SimResult } from "../../src/sim/run-seed.ts";
import { type PlantedBug, plantedBugs } from "./planted-bugs.ts";

/** A bug that takes more seeds than this to be found is one the simulator does not look for. */
const SEEDS = 250;

const schedulerDir = join(import.meta.dirname, "../../src/scheduler");
const entry = join(import.meta.dirname, "../../src/sim/run-seed.ts");
const dir = mkdtempSync(join(tmpdir(), "orch-planted-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Simulator {
  runSeed(seed: number): SimResult;
}

/** Bundles the simulator with `bug` planted in the scheduler's source. The source itself stays as it is. */
async function bundle(bug: PlantedBug | null, name: string): Promise<Simulator> {
  const outfile = join(dir, `${name}.mjs`);
  const target = bug === null ? "" : join(schedulerDir, bug.file);
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "silent",
    plugins: [
      {
        name: "plant",
        setup(pluginBuild) {
          pluginBuild.onLoad({ filter: /\/src\/scheduler\/[a-z-]+\.ts$/ }, ({ path }) => {
            const source = readFileSync(path, "utf8");
            const isTarget = bug !== null && path === target;
            // A function, since "$" means something in a replacement text.
            return {
              contents: isTarget ? source.replace(bug.find, () => bug.replace) : source,
              loader: "ts",
            };
          });
        },
      },
    ],
  });
  return (await import(pathToFileURL(outfile).href)) as Simulator;
}

function firstFailure(simulator: Simulator, seeds = SEEDS): SimResult | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const result = simulator.runSeed(seed);
    if (result.failure !== null) return result;
  }
  return undefined;
}

describe("planted bugs", () => {
  it("finds nothing where nothing was planted", { timeout: 240_000 }, async () => {
    expect(firstFailure(await bundle(null, "sound"), 40)?.failure).toBeUndefined();
  });

  it.each(plantedBugs.map((bug, index) => ({ ...bug, index })))(
    "finds it when $name",
    { timeout: 240_000 },
    async ({ index, ...bug }) => {
      const source = readFileSync(join(schedulerDir, bug.file), "utf8");
      expect(source.split(bug.find).length - 1, `"${bug.find}" in ${bug.file}`).toBe(1);
      expect(bug.replace).not.toBe(bug.find);
      const found = firstFailure(await bundle(bug, `bug-${index}`));
      expect(found, `${bug.why}: not found within ${SEEDS} seeds`).toBeDefined();
      if (process.env["ORCH_SIM_VERBOSE"]) console.log(`${bug.name}: seed ${found?.seed}, ${found?.failure}`);
    },
  );
});
