import fs from "node:fs";
import path from "node:path";
import { workerIdIn } from "../../engine/cgroup.ts";
import { ID_FILE } from "../../engine/container/container-runner.ts";
import { type ProcessStat, readStat } from "../../engine/identity.ts";
import { readLabels } from "../../engine/labels.ts";
import type { Hands } from "../hands.ts";
import type { DaemonPlaces } from "../places.ts";
import type { World } from "../world.ts";

type Whose = Pick<World, "hands" | "instanceId"> & { readonly places: Pick<DaemonPlaces, "workerDir"> };

/** Longer lines of descent are no programs of ours. */
const MAX_ANCESTORS = 64;

/**
 * The worker that a process belongs to, or null: the one whose cgroup it is in, which nothing can leave; the one whose session
 * it is in, since programs are started as leaders of their own sessions; the one whose labels it carries: what runs in a
 * terminal or a container has a session of its own; or else the one that its parent belongs to, or that one's.
 */
export function workerIdOf(pid: number, whose: Whose): number | null {
  for (let at = pid, steps = 0; steps < MAX_ANCESTORS; steps++) {
    // The daemon may itself have been started by another one's worker, and all that runs by the first process.
    const stat = at <= 1 || at === process.pid ? null : statOf(at);
    if (stat === null) return null;
    const found = ownWorkerOf(at, stat.sessionId, whose);
    if (found !== null) return found;
    at = stat.parentPid;
  }
  return null;
}

function ownWorkerOf(pid: number, session: number, { hands, instanceId, places }: Whose): number | null {
  const groups = readText(`/proc/${pid}/cgroup`) ?? "";
  const named = workerIdIn(groups, instanceId);
  if (named !== null && hands.get(named)) return named;
  for (const hand of hands.all()) if (hand.identity?.pid === session) return hand.workerId;
  const labels = readLabels(pid);
  if (labels?.instanceId === instanceId && hands.get(labels.workerId)) return labels.workerId;
  return labels === null ? workerOfContainer(groups, hands, places) : null;
}

function statOf(pid: number): ProcessStat | null {
  try {
    return readStat(pid);
  } catch {
    return null;
  }
}

/** By the id of its container, which engines put into the name of its cgroup: its environment may be another user's. */
function workerOfContainer(groups: string, hands: Hands, places: Whose["places"]): number | null {
  const id = /[0-9a-f]{64}/.exec(groups)?.[0];
  if (id === undefined) return null;
  for (const { workerId } of hands.all()) {
    if (readText(path.join(places.workerDir(workerId), ID_FILE))?.trim() === id) return workerId;
  }
  return null;
}

function readText(file: string): string | null {
  try {
    return fs.readFileSync(file, "latin1");
  } catch {
    return null;
  }
}
