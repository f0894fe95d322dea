import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Explored, explore } from "../../src/sim/explore.ts";
import { type Scope, scopes } from "../../src/sim/explore-scopes.ts";
import { must } from "../../src/std/assert.ts";
import { plantedBugs } from "./all-planted-bugs.ts";
import { bundleSimulator, type Mutation } from "./bundle-simulator.ts";

const dir = mkdtempSync(join(tmpdir(), "orch-explore-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Explorer {
  explore: typeof explore;
}

/** A bundle of the explorer, which plain Node runs faster than the runner of the tests would. */
async function explorer(name: string, bug: Mutation | null): Promise<Explorer> {
  const path = await bundleSimulator("explore.ts", join(dir, `${name.replaceAll(/\W/g, "-")}.mjs`), bug);
  return (await import(pathToFileURL(path).href)) as Explorer;
}

let sound: Explorer;
beforeAll(async () => {
  sound = await explorer("sound", null);
});
/** What was found in each scope. */
const found = new Map<Scope, Explored>();

describe("all that can happen in small worlds", () => {
  it.each(scopes)("breaks no rule and always can come to its end: $name", { timeout: 120_000 }, (scope) => {
    const explored = sound.explore(scope);
    found.set(scope, explored);
    const { states, transitions, depth, failure } = explored;
    expect(failure).toBeNull();
    // A search that goes nowhere finds nothing.
    expect(states).toBeGreaterThan(500);
    expect(transitions).toBeGreaterThan(states);
    expect(depth).toBeGreaterThan(10);
    if (process.env["ORCH_SIM_VERBOSE"])
      console.log(`${scope.name}: ${states} states, ${transitions} transitions, ${depth} deep`);
  });

  it("gives the same counts again", () => {
    const scope = must(scopes.at(-1), "a scope");
    expect(sound.explore(scope)).toEqual(found.get(scope) ?? sound.explore(scope));
  });

  it("says when a scope is too large instead of passing", () => {
    const scope = must(scopes[0], "a scope");
    expect(sound.explore(scope, 100).failure).toContain("more than 100 states");
  });

  // Mistakes that random worlds meet only after many seeds, the first three of them only as jobs or workers that never end.
  it.each([
    ["a failed start is tried again at once, for ever", "two models on one GPU"],
    ["a restart does not finish what was ordered", "two models on one GPU"],
    ["a restart does not attach to running jobs", "two models on one GPU"],
    ["old news of an earlier attempt is believed", "retries"],
    ["a job that ignores its cancellation is left alone", "a job that waits for another, cancelled"],
    ["dependents of a failed job are forgotten", "a job that waits for another, cancelled"],
  ])("finds the shortest way to it when %s", { timeout: 120_000 }, async (name, scopeName) => {
    const bug = must(
      plantedBugs.find((each) => each.name === name),
      name,
    );
    const scope = must(
      scopes.find((each) => each.name === scopeName),
      scopeName,
    );
    const { failure, states } = (await explorer(name, bug)).explore(scope);
    expect(failure, bug.why).toMatch(/\n {2}1\. /);
    if (process.env["ORCH_SIM_VERBOSE"]) console.log(`${name}: after ${states} states: ${failure}`);
  });
});
