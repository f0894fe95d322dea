import type { Cgroup } from "./cgroup.ts";
import type { ProcessIdentity } from "./engine.ts";
import { readBootId } from "./identity.ts";
import type { Labels } from "./labels.ts";
import type { ProcessRow } from "./process-table.ts";

/** By what a worker's processes are known. */
export interface Belonging {
  /** Null when the worker is known by its supervisor alone. */
  readonly labels: Labels | null;
  /**
   * The supervisor, leader of the worker's session and group; null when it has been gone for an unknown time, so
   * that its number may lead somebody else's group by now.
   */
  readonly supervisor: ProcessIdentity | null;
  /** The worker's own, which nothing can leave; null where none could be made. */
  readonly cgroup: Cgroup | null;
}

/**
 * The processes of one worker among `rows`, supervisor included: those that carry its labels (also after setsid or
 * a double fork), those in its session or group (programs like setproctitle overwrite their environment), those in its
 * cgroup (whatever they did), and the descendants of all.
 */
export function membersOf(rows: readonly ProcessRow[], belonging: Belonging): ProcessRow[] {
  const group = belonging.supervisor === null ? null : groupOf(rows, belonging.supervisor);
  const inCgroup = new Set(belonging.cgroup?.pids());
  const members = new Map<number, ProcessRow>();
  const add = (row: ProcessRow): void => {
    // The daemon itself may have been started from a worker of an outer orch; it never counts.
    if (row.pid !== process.pid && row.pid > 1) members.set(row.pid, row);
  };
  for (const row of rows) {
    const isInSession = group !== null && isInGroup(row, group);
    if (carries(row, belonging) || isInSession || inCgroup.has(row.pid)) add(row);
  }
  if (members.size > 0) addDescendants(rows, members, add);
  return [...members.values()];
}

/** Another user can write any labels: what is theirs counts by the cgroup, where there is one. */
function carries(row: ProcessRow, { labels, cgroup }: Belonging): boolean {
  if (labels === null || row.labels === null) return false;
  if (cgroup !== null && row.uid !== process.getuid?.()) return false;
  return row.labels.workerId === labels.workerId && row.labels.instanceId === labels.instanceId;
}

/** The supervisor, unless its number is worn by another process now or the host was booted since. */
function groupOf(rows: readonly ProcessRow[], supervisor: ProcessIdentity): ProcessIdentity | null {
  if (supervisor.bootId !== readBootId()) return null;
  const wearer = rows.find((row) => row.pid === supervisor.pid);
  return wearer === undefined || wearer.startTicks === supervisor.startTicks ? supervisor : null;
}

function isInGroup(row: ProcessRow, leader: ProcessIdentity): boolean {
  return (row.sessionId === leader.pid || row.groupId === leader.pid) && row.startTicks >= leader.startTicks;
}

function addDescendants(
  rows: readonly ProcessRow[],
  members: ReadonlyMap<number, ProcessRow>,
  add: (row: ProcessRow) => void,
): void {
  let before = -1;
  while (members.size > before) {
    before = members.size;
    for (const row of rows) {
      const parent = members.get(row.parentPid);
      if (parent !== undefined && !members.has(row.pid) && row.startTicks >= parent.startTicks) add(row);
    }
  }
}
