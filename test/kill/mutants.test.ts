import { describe, expect, it } from "vitest";
import { buildOrch } from "../kit/built-orch.ts";
import { mutants } from "./mutants.ts";
import { runKills } from "./run-kills.ts";

/** Restarts within which a planted bug has to be found. */
const MOST_KILLS = 12;

describe("the checker of the kill tests finds", () => {
  for (const { name, mutations, found, needsResidents = false } of mutants) {
    it(`an orch that ${name}`, { timeout: 60_000 }, async () => {
      using built = await buildOrch(mutations);
      const { violations } = await runKills(built.bin, {
        seed: 7,
        kills: MOST_KILLS,
        clients: 3,
        mix: needsResidents ? "residents" : "mixed",
      });
      expect(violations.join("\n")).toMatch(new RegExp(found.source, "m"));
    });
  }
});
