import { readdirSync, readFileSync, statSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import type { ProcessStat } from "./identity.ts";
import { isRunning, readStat } from "./identity.ts";
import type { Labels } from "./labels.ts";
import { parseLabels } from "./labels.ts";
import { readProcFile } from "./proc-file.ts";

/** One running process whose environment we may read. */
export interface ProcessRow extends ProcessStat {
  readonly labels: Labels | null;
  /** Whose it is; null where nobody asks, since it has no labels. */
  readonly uid: number | null;
}

/** Reads of the host's process table, shared by all who ask at the same time. */
export interface ProcessTable {
  /**
   * The processes that run now: the read begins after the call. Zombies and those of other users are left out.
   * Rejects when the kernel could not be asked.
   * @param sincePid leaves out (most of) those whose pids were given out before this one; null = all.
   */
  read(sincePid: number | null): Promise<readonly ProcessRow[]>;
}

/** Processes looked at before other work of the daemon gets its turn; about 25 µs each. */
const SLICE = 200;
/** Pause after a read, as a multiple of its cost: reads never take more than a fifth of a core. */
const PAUSE_PER_COST = 4;

/**
 * Makes the reader of /proc. A read costs some 25 µs per process, too much to do for each of hundreds of exits a
 * second; so all callers that come while one read is under way share the next one, and reads keep a distance.
 */
export function createProcessTable(clock: Clock): ProcessTable {
  let next: Promise<readonly ProcessRow[]> | null = null;
  let wanted = new Set<number | null>();
  let last: Promise<unknown> = Promise.resolve();
  let notBeforeMs = 0;

  const readWhenDue = async (): Promise<readonly ProcessRow[]> => {
    await last;
    const pauseMs = notBeforeMs - clock.monotonicMs();
    if (pauseMs > 0) await sleep(pauseMs);
    next = null;
    const startMs = clock.monotonicMs();
    const isWanted = createPidFilter(wanted);
    wanted = new Set();
    const rows = await readRows(isWanted);
    const endMs = clock.monotonicMs();
    notBeforeMs = endMs + (endMs - startMs) * PAUSE_PER_COST;
    return rows;
  };

  return {
    read(sincePid) {
      wanted.add(sincePid);
      if (next === null) {
        next = readWhenDue();
        last = next.catch(() => undefined);
      }
      return next;
    },
  };
}

/**
 * Which pids have to be looked at for those who asked. Linux gives pids out in rising order and begins anew at the
 * end of the range; the last one given out is the last word of /proc/loadavg, see proc_loadavg(5).
 */
function createPidFilter(wanted: ReadonlySet<number | null>): (pid: number) => boolean {
  if (wanted.has(null)) return () => true;
  const lastPid = Number(readFileSync("/proc/loadavg", "latin1").trim().split(" ").at(-1));
  const starts = [...wanted].filter((pid) => pid !== null);
  return (pid) =>
    starts.some((start) =>
      start <= lastPid ? pid >= start && pid <= lastPid : pid >= start || pid <= lastPid,
    );
}

function uidOf(pid: number): number | null {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

async function readRows(isWanted: (pid: number) => boolean): Promise<ProcessRow[]> {
  const rows: ProcessRow[] = [];
  let untilTurn = SLICE;
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !isWanted(pid)) continue;
    if (untilTurn-- === 0) {
      await nextTurn();
      untilTurn = SLICE;
    }
    // Another user's process is told from ours by its environment, which the kernel lets only its owner read.
    const environment = readProcFile(pid, "environ");
    const stat = environment === null ? null : readStat(pid);
    if (environment === null || stat === null || !isRunning(stat)) continue;
    const labels = parseLabels(environment);
    rows.push({ ...stat, labels, uid: labels === null ? null : uidOf(pid) });
  }
  return rows;
}
