import { describe, it } from "vitest";
import { expectFound } from "./expect-found.ts";
import { mutants } from "./mutants.ts";

describe("the checker of the kill tests finds", () => {
  for (const mutant of mutants)
    it(`an orch that ${mutant.name}`, { timeout: 60_000 }, () => expectFound(mutant, null));
});
