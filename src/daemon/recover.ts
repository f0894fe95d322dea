import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { State } from "../scheduler/model.ts";

/**
 * Kills programs of this daemon that no worker of the database owns: a commit was lost, or a stop was. Done before
 * anything is planned, so that no GPU is granted while they sit on it.
 */
export async function sweepOrphans(
  engine: Engine,
  state: State,
  instanceId: string,
  log: Logger,
): Promise<void> {
  for (const { workerId, identity } of await engine.labelled(instanceId)) {
    if (state.workers.has(workerId)) continue;
    log.warn({ workerId, pid: identity.pid }, "killing a program that no worker owns");
    await engine.kill(identity);
  }
}
