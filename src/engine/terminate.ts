import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import { giveWay } from "../std/give-way.ts";
import type { ProcessIdentity } from "./engine.ts";
import { identityOf, sendSignal } from "./identity.ts";
import type { Belonging } from "./members.ts";
import { membersOf } from "./members.ts";
import type { ProcessTable } from "./process-table.ts";

/** How often a KILL is repeated and looked after; grows, since what survives it is stuck in the kernel. */
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 250;

export interface KillOrder {
  readonly belonging: Belonging;
  /** Left alone; the supervisor, so that it may record how its program ended. */
  readonly spare: ProcessIdentity | null;
  /** All of them have pids given out from this one on; null = not known. */
  readonly sincePid: number | null;
  /** On the monotonic clock; until then they are only waited for. */
  killAtMs(): number;
}

/**
 * Waits until no process of the worker is left, killing what is there from `killAtMs` on. A process that hangs in
 * the kernel (a GPU driver that does not answer) keeps it waiting: its memory is not free either.
 */
export async function killUntilGone(order: KillOrder, table: ProcessTable, clock: Clock): Promise<void> {
  let pollMs = FIRST_POLL_MS;
  for (;;) {
    // Null when /proc could not be read just now: that says nothing, so look again.
    const members = await findMembers(order, table).catch(() => null);
    if (members?.length === 0 && isEmpty(order.belonging)) return;
    if (clock.monotonicMs() >= order.killAtMs()) {
      order.belonging.cgroup?.kill();
      for (const member of members ?? []) sendSignal(member, "SIGKILL");
    }
    await sleep(pollMs);
    pollMs = Math.min(pollMs * 2, LAST_POLL_MS);
  }
}

/** One round of KILL to the processes of the worker that are there now. */
export async function killOnce(order: Omit<KillOrder, "killAtMs">, table: ProcessTable): Promise<void> {
  // The supervisor is not in it.
  order.belonging.cgroup?.kill();
  for (const member of await findMembers(order, table).catch(() => [])) sendSignal(member, "SIGKILL");
}

/** Nothing was started between the look at the process table and now. */
function isEmpty({ cgroup }: Belonging): boolean {
  try {
    return cgroup?.isPopulated() !== true;
  } catch {
    return false;
  }
}

async function findMembers(
  order: Omit<KillOrder, "killAtMs">,
  table: ProcessTable,
): Promise<readonly ProcessIdentity[]> {
  const rows = await table.read(order.sincePid);
  // A thousand may have waited for the same look.
  await giveWay();
  const members = membersOf(rows, order.belonging);
  return members.filter((member) => member.pid !== order.spare?.pid).map(identityOf);
}
