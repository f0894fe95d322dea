import { describe, it } from "vitest";
import { preparePodman } from "../kit/podman.ts";
import { expectFound } from "./expect-found.ts";
import { mutants } from "./mutants.ts";

const podman = await preparePodman();
const why = typeof podman === "string" ? ` (skipped: ${podman})` : "";

/** What is another bug, or is found otherwise, where workers are containers; all are found in processes: mutants.test.ts. */
const ofContainers = mutants.filter(({ inContainers }) => inContainers !== undefined);

describe.skipIf(why !== "")(`the checker of the kill tests finds in containers${why}`, () => {
  for (const mutant of ofContainers)
    it(`an orch that ${mutant.name}`, { timeout: 120_000 }, async () => {
      if (typeof podman !== "string") await expectFound(mutant, podman);
    });
});
