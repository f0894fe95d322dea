import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import type { Exit, ProcessIdentity } from "./engine.ts";
import { identityOf, isAlive, readStat, sendSignal } from "./identity.ts";
import type { Belonging } from "./members.ts";
import { membersOf } from "./members.ts";
import { readProcFile } from "./proc-file.ts";
import type { ProcessTable } from "./process-table.ts";
import { killOnce } from "./terminate.ts";
import type { Tracked } from "./tracked.ts";

/** How long a supervisor may take to record the end of a killed program before it is killed too. */
const SUPERVISOR_GRACE_MS = 1_000;
/** A TERM can be lost only while the program is being started; see repeatLostTerm. */
const LOST_TERM_MS = 1_000;
const POLL_MS = 20;

/**
 * TERM to all of the worker's processes, then `graceMs` later KILL to all but the supervisor, which records what
 * happened and ends; if it does not (it was stopped), it is killed as well. A second call joins the first and can
 * only bring its deadline forward. Resolves when all are gone.
 */
export async function stop(
  tracked: Tracked,
  graceMs: number,
  table: ProcessTable,
  clock: Clock,
): Promise<Exit> {
  const { identity } = tracked;
  const startMs = clock.monotonicMs();
  if (tracked.stopAtMs !== null) tracked.stopAtMs = Math.min(tracked.stopAtMs, startMs + graceMs);
  if (tracked.stopAtMs !== null || !isAlive(identity)) return tracked.gone;
  tracked.stopAtMs = startMs + graceMs;
  sendSignal(identity, "SIGTERM", "group");
  // A stopped program gets to see its TERM only when it is continued.
  sendSignal(identity, "SIGCONT", "group");
  const belonging = await tracked.belonging;
  await signalOutsiders(belonging, table);
  let isGone = false;
  const gone = tracked.gone.finally(() => {
    isGone = true;
  });
  while (!isGone) {
    const nowMs = clock.monotonicMs();
    const leftMs = tracked.stopAtMs - nowMs;
    // Once the supervisor is gone, track() waits for the deadline and kills what is left.
    if (leftMs <= 0 && isAlive(identity)) {
      const spare = leftMs > -SUPERVISOR_GRACE_MS ? identity : null;
      await killOnce({ belonging, spare, sincePid: null }, table);
    } else if (nowMs - startMs < LOST_TERM_MS) {
      repeatLostTerm(identity);
    }
    await Promise.race([gone, sleep(leftMs > 0 ? Math.min(leftMs, POLL_MS) : POLL_MS)]);
  }
  return gone;
}

/** TERM also to those that left the group, so that a stop need not wait out its grace for them. */
async function signalOutsiders(belonging: Belonging, table: ProcessTable): Promise<void> {
  const rows = await table.read(null).catch(() => []);
  for (const member of membersOf(rows, belonging)) {
    if (member.groupId !== belonging.supervisor?.pid) sendSignal(identityOf(member), "SIGTERM");
  }
}

/**
 * Between fork and exec the program is still a copy of the supervisor's shell, whose trap swallows a TERM. A child of
 * the supervisor that runs although TERM has its default meaning for it has never got one, so it gets it now; a
 * program that handles TERM is not disturbed a second time.
 */
function repeatLostTerm(supervisor: ProcessIdentity): void {
  try {
    if (!isAlive(supervisor)) return;
    const children =
      readProcFile(supervisor.pid, `task/${supervisor.pid}/children`)?.toString("latin1") ?? "";
    for (const pid of children
      .split(" ")
      .filter((word) => word !== "")
      .map(Number)) {
      const stat = readStat(pid);
      if (stat?.parentPid === supervisor.pid && hasDefaultTerm(pid)) sendSignal(identityOf(stat), "SIGTERM");
    }
  } catch {
    // No file descriptors left just now; the next round, or the KILL at the deadline, does it.
  }
}

/** True when the process neither catches, ignores nor blocks SIGTERM; see "Sig" in proc_pid_status(5). */
function hasDefaultTerm(pid: number): boolean {
  const status = readProcFile(pid, "status")?.toString("latin1") ?? "";
  const masks = [...status.matchAll(/^Sig(?:Blk|Ign|Cgt):\t([0-9a-f]+)$/gm)];
  const TERM_BIT = 1n << 14n;
  return masks.length === 3 && masks.every((mask) => (BigInt(`0x${mask[1] ?? "0"}`) & TERM_BIT) === 0n);
}
