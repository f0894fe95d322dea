import { expect } from "vitest";
import { buildOrch } from "../kit/built-orch.ts";
import type { Podman } from "../kit/podman.ts";
import type { Mutant } from "./mutants.ts";
import { runKills } from "./run-kills.ts";

/** Restarts within which a planted bug has to be found. */
const MOST_KILLS = 12;
/** Of containers fewer: they take their time, so each kill meets some that are just being started or stopped. */
const MOST_CONTAINER_KILLS = 8;

/** Fails unless the checker finds the bug, with all work in processes, or with a podman in containers. */
export async function expectFound(mutant: Mutant, podman: Podman | null): Promise<void> {
  using built = await buildOrch(mutant.mutations);
  const { found, needsResidents = false, inContainers } = mutant;
  const inProcesses = { kills: MOST_KILLS, mix: needsResidents ? "residents" : "mixed" } as const;
  const contained = { kills: MOST_CONTAINER_KILLS, mix: inContainers?.mix ?? "containers" } as const;
  const how = podman === null ? inProcesses : contained;
  const { violations } = await runKills(built.bin, { seed: 7, clients: 3, podman, ...how });
  const wanted = podman === null ? found : (inContainers?.found ?? found);
  expect(violations.join("\n")).toMatch(new RegExp(wanted.source, "m"));
}
