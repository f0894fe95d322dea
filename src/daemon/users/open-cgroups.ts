import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import { type Cgroups, openCgroups } from "../../engine/cgroup.ts";
import type { State } from "../../scheduler/model.ts";

/**
 * The cgroups of workers, or null where none can be made. It is said once: without them all works as with them, but a
 * program that hides from its labels can get away.
 */
export function openWorkerCgroups(
  { cgroups: wish }: Pick<Config, "cgroups">,
  instanceId: string,
  log: Logger,
): Cgroups | null {
  if (wish === "off") return null;
  const opened = openCgroups(instanceId);
  if ("why" in opened) {
    log.info({ why: opened.why }, "workers get no cgroups");
    return null;
  }
  log.info({ limits: [...opened.controllers] }, "workers get cgroups of their own");
  return opened;
}

/** Removes the cgroups of workers that are no longer on the books; to be called once nothing of theirs runs. */
export function tidyCgroups(cgroups: Cgroups | null, state: State): void {
  for (const { workerId, cgroup } of cgroups?.all() ?? []) if (!state.workers.has(workerId)) cgroup.remove();
}
