import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import { giveWay } from "../std/give-way.ts";
import { readCgroup } from "./cgroup.ts";
import { readPidRecord } from "./control-folder.ts";
import type { Exit, ProcessIdentity } from "./engine.ts";
import { readExitRecord, recordExit, recordLost, withMemoryLimit } from "./exit-record.ts";
import { isAlive } from "./identity.ts";
import type { Belonging } from "./members.ts";
import type { Child } from "./posix-spawn.ts";
import type { ProcessTable } from "./process-table.ts";
import { killUntilGone } from "./terminate.ts";

/**
 * A program that ended so soon can only have left processes whose pids came after its supervisor's: no host gives out
 * its whole range of pids (32,768 at least) in this time. Short programs are many, and this makes their ends cheap.
 */
const YOUNG_MS = 1_000;
/** Why there is no exit record where there should be one. */
export const SUPERVISOR_LOST = "its supervisor was killed, or the host went down";
/** How soon the end of a program is seen that an earlier daemon started; its end cannot be waited for. */
const ADOPTED_POLL_MS = 100;
/** Pause before the control folder is read again after the kernel refused (no file descriptors left). */
const RETRY_MS = 100;

/** A program that this daemon started itself. */
export interface OwnChild {
  readonly child: Child;
  readonly workerId: number;
}

export interface TrackOptions {
  readonly dir: string;
  readonly identity: ProcessIdentity;
  /** Null for a program that an earlier daemon started. */
  readonly own: OwnChild | null;
  readonly instanceId: string;
  readonly table: ProcessTable;
  readonly clock: Clock;
}

/** How a supervisor ended; both null when it was not our child. */
interface SupervisorEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program whose end is being waited for. */
export interface Tracked {
  readonly identity: ProcessIdentity;
  /** What belongs to it. Rejects never. */
  readonly belonging: Promise<Belonging>;
  /** Its whole group is gone. Never rejects. */
  readonly gone: Promise<Exit>;
  /** While it is being stopped: when what is left of it is killed, on the monotonic clock. */
  stopAtMs: number | null;
}

/** Begins to wait for the end of a program. */
export function track(options: TrackOptions): Tracked {
  const { dir, identity, own, table, clock } = options;
  const startMs = clock.monotonicMs();
  // A supervisor that was gone before we ever saw it may have been so for days: its group number proves nothing.
  const isKnown = own !== null || isAlive(identity);
  const supervisorEnd = own === null ? untilNotAlive(identity) : untilExit(own.child);
  const belonging = findBelonging(options, isKnown);
  const wait = async (): Promise<Exit> => {
    const end = await supervisorEnd;
    // Hundreds may end at once, and each takes some looks at files.
    await giveWay();
    const killAtMs = (): number => tracked.stopAtMs ?? 0;
    const isYoung = own !== null && clock.monotonicMs() - startMs < YOUNG_MS;
    const { cgroup } = await belonging;
    const order = {
      belonging: await belonging,
      spare: null,
      sincePid: isYoung ? identity.pid : null,
      killAtMs,
    };
    await killUntilGone(order, table, clock);
    await giveWay();
    const limitBytes = cgroup?.killedAtBytes() ?? null;
    cgroup?.remove();
    const exit = await untilReadable(() => readExitRecord(dir) ?? exitWithoutRecord(dir, end));
    return withMemoryLimit(exit, limitBytes);
  };
  const tracked: Tracked = { identity, belonging, gone: Promise.resolve().then(wait), stopAtMs: null };
  return tracked;
}

async function findBelonging(options: TrackOptions, isKnown: boolean): Promise<Belonging> {
  const { dir, identity, own, instanceId } = options;
  const workerId = own?.workerId ?? (await untilReadable(() => readPidRecord(dir)))?.workerId;
  return {
    labels: workerId === undefined ? null : { workerId, instanceId },
    supervisor: isKnown ? identity : null,
    cgroup: await untilReadable(() => readCgroup(dir)),
  };
}

/** The end of our own supervisor: its exit code repeats the program's. */
function untilExit(child: Child): Promise<SupervisorEnd> {
  return new Promise((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
}

async function untilNotAlive(identity: ProcessIdentity): Promise<SupervisorEnd> {
  // Not ref'd: the daemon may leave while its workers run on.
  while (isAlive(identity)) await sleep(ADOPTED_POLL_MS, undefined, { ref: false });
  return { exitCode: null, signal: null };
}

async function untilReadable<T>(read: () => T): Promise<T> {
  for (;;) {
    try {
      return read();
    } catch {
      // Never to be guessed: an exit code that is on record must not become a lost one.
      await sleep(RETRY_MS, undefined, { ref: false });
    }
  }
}

function exitWithoutRecord(dir: string, { exitCode, signal }: SupervisorEnd): Exit {
  // The disk may have been too full for the record; the supervisor's own exit code then says the same.
  if (exitCode !== null) return recordExit(dir, exitCode);
  // A signal that came before the supervisor had its trap and its pid file ended it; no program ever ran.
  if (signal !== null && readPidRecord(dir) === null) return recordExit(dir, 128 + constants.signals[signal]);
  if (readPidRecord(dir) === null)
    return recordLost(dir, "its supervisor ended before it started the program");
  return recordLost(dir, SUPERVISOR_LOST);
}
