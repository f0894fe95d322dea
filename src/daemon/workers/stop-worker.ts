import type { World } from "../world.ts";
import { stopSurely } from "./stop-surely.ts";

/** Stops a worker's program, or its start. The exit is reported by whoever follows the program. */
export async function stopWorker(world: World, workerId: number, graceMs: number): Promise<void> {
  const hand = world.hands.get(workerId);
  if (!hand) return;
  hand.abort.abort();
  await stopSurely(world, hand, graceMs);
}

/** What cannot compute any more has nothing to end in order. */
const BROKEN_GRACE_MS = 2_000;

/** Stops a worker that has become of no use, and says why; what it ran is tried again. */
export async function stopBroken(world: World, workerId: number, why: string): Promise<void> {
  const hand = world.hands.get(workerId);
  if (!hand || hand.note !== null) return;
  hand.note = why;
  world.log.warn({ workerId, why }, "stopping a worker that is of no use any more");
  await stopSurely(world, hand, BROKEN_GRACE_MS);
}
