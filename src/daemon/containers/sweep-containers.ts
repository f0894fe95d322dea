import fs from "node:fs";
import path from "node:path";
import { readContainerFile } from "../../engine/container/container-file.ts";
import type { State } from "../../scheduler/model.ts";
import type { World } from "../world.ts";

/**
 * Removes containers of this daemon that no worker owns, like sweepOrphans does with processes and before anything is
 * planned. A container is a worker's only if that worker's control folder says so: else nobody would ever stop it.
 */
export async function sweepContainers(
  world: Pick<World, "containers" | "places" | "instanceId" | "log">,
  state: State,
): Promise<void> {
  const { containers, places, instanceId, log } = world;
  const owned = new Set<string>();
  for (const id of state.workers.keys()) {
    const ref = readOwn(places.workerDir(id));
    if (ref !== null) owned.add(ref);
  }
  const names = await containers.ledger.sweep({
    instanceId,
    isOwned: (name) => owned.has(name),
    onSilence: ({ command }) =>
      log.warn(
        { engine: command.join(" ") },
        "a container engine does not answer; it is asked again for orphans",
      ),
  });
  for (const name of names) log.warn({ container: name }, "removed a container that no worker owns");
}

function readOwn(dir: string): string | null {
  // One that was never handed to the engine left no pid.
  if (!fs.existsSync(path.join(dir, "pid"))) return null;
  return readContainerFile(dir)?.name ?? null;
}
