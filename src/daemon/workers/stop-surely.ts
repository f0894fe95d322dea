import { setTimeout as sleep } from "node:timers/promises";
import { formatDurationMs } from "../../std/duration.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";

/**
 * A program is gone within seconds of its KILL, large ones that give back hundreds of GB later. What is still there after
 * this hangs in the kernel.
 */
export const STUCK_AFTER_MS = 60_000;

/**
 * Stops a worker's program. Resolves when it is gone; one that survives its KILL is reported as stuck meanwhile, so
 * that nobody waits for its GPUs.
 * @param stuckAfterMs how long after the end of the grace it may still be there
 */
export async function stopSurely(
  world: World,
  hand: Hand,
  graceMs: number,
  stuckAfterMs = STUCK_AFTER_MS,
): Promise<void> {
  const given = new AbortController();
  sleep(graceMs + stuckAfterMs, undefined, { signal: given.signal, ref: false })
    .then(() => reportStuck(world, hand, stuckAfterMs))
    .catch(() => undefined);
  try {
    await hand.settled;
    if (hand.identity === null) return;
    await world.engine.ensureStopped(world.places.workerDir(hand.workerId), hand.identity, graceMs);
  } finally {
    given.abort();
  }
}

/** Of a container nobody but its engine knows, which may itself be what does not answer: that says nothing of the GPU. */
async function reportStuck(world: World, { workerId, identity }: Hand, stuckAfterMs: number): Promise<void> {
  const pids = identity && (await world.engine.members(world.places.workerDir(workerId), identity));
  if (pids === null || pids.length === 0) return;
  const message = `its program is still there ${formatDurationMs(stuckAfterMs)} after it was killed: it hangs in the kernel`;
  world.log.error({ workerId, pids }, message);
  world.report({ type: "worker-stuck", workerId, message });
}
