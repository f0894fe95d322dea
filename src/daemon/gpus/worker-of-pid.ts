import fs from "node:fs";
import path from "node:path";
import { ID_FILE } from "../../engine/container/container-runner.ts";
import { readLabels } from "../../engine/labels.ts";
import type { Hands } from "../hands.ts";
import type { DaemonPlaces } from "../places.ts";
import type { World } from "../world.ts";

type Whose = Pick<World, "hands" | "instanceId"> & { readonly places: Pick<DaemonPlaces, "workerDir"> };

/**
 * The worker that a process belongs to, or null: the one whose session it is in, since programs are started as leaders of
 * their own sessions, or the one whose labels it carries: what runs in a terminal or a container has a session of its own.
 */
export function workerIdOf(pid: number, { hands, instanceId, places }: Whose): number | null {
  const session = sessionOf(pid);
  if (session === null) return null;
  for (const hand of hands.all()) if (hand.identity?.pid === session) return hand.workerId;
  const labels = readLabels(pid);
  if (labels?.instanceId === instanceId && hands.get(labels.workerId)) return labels.workerId;
  return labels === null ? workerOfContainer(pid, hands, places) : null;
}

/** By the id of its container, which engines put into the name of its cgroup: its environment may be another user's. */
function workerOfContainer(pid: number, hands: Hands, places: Whose["places"]): number | null {
  const id = /[0-9a-f]{64}/.exec(readText(`/proc/${pid}/cgroup`) ?? "")?.[0];
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

/** Field 6 of /proc/PID/stat (proc(5)); what comes before the last parenthesis is the program's name. */
function sessionOf(pid: number): number | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[3]);
  } catch {
    return null;
  }
}
