import { readFile } from "node:fs/promises";
import { type Clock, systemClock } from "../std/clock.ts";
import { errnoOf } from "../std/failure.ts";
import type { GpuProcess, ListedProcess } from "./probe.ts";
import { readProcessStart } from "./process-start.ts";
import { createUserNames, type UserNames } from "./user-names.ts";

export interface ProcessNamerOptions {
  readonly clock?: Clock;
  readonly userNames?: UserNames;
}

/** Adds to each process what /proc tells of it now. Never rejects. */
export type ProcessNamer = (listed: readonly ListedProcess[]) => Promise<GpuProcess[]>;

type Owner = Omit<GpuProcess, keyof ListedProcess>;

/** Start times are true to some 20 ms; a pid is not given out again that soon. */
const startToleranceMs = 100;

/**
 * Makes what names the processes of a list that the driver has just given. A pid that meanwhile went to another
 * program is not named after that one: whoever started after the list was made cannot be on it.
 */
export function createProcessNamer(options: ProcessNamerOptions = {}): ProcessNamer {
  const { clock = systemClock, userNames = createUserNames({ clock }) } = options;
  return (listed) => {
    const listedAtMs = clock.nowMs();
    const name = async (process: ListedProcess): Promise<GpuProcess> => ({
      pid: process.pid,
      vramBytes: process.vramBytes,
      ...(await readOwner(process.pid, listedAtMs, clock, userNames)),
    });
    return Promise.all(listed.map(name));
  };
}

async function readOwner(
  pid: number,
  listedAtMs: number,
  clock: Clock,
  userNames: UserNames,
): Promise<Owner> {
  const before = await readProcessStart(pid, clock);
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  if (before === null || status === "") return nobody(isHidden(pid) ? "hidden" : "elsewhere");
  const { startedAtMs } = before;
  if (startedAtMs !== null && startedAtMs > listedAtMs + startToleranceMs) return nobody("elsewhere");
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1];
  return {
    name: /^Name:\s+(.+)$/m.exec(status)?.[1] ?? null,
    uid: uid === undefined ? null : Number(uid),
    user: uid === undefined ? null : await userNames(Number(uid)),
    startedAtMs,
    unknown: null,
  };
}

function nobody(unknown: "hidden" | "elsewhere"): Owner {
  return { name: null, uid: null, user: null, startedAtMs: null, unknown };
}

/** Where /proc shows nothing: whether there is such a process all the same. kill(2) tells even under hidepid. */
function isHidden(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}
