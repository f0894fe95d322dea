import type { World } from "./world.ts";

/** Stops a worker's program, or its start. The exit is reported by whoever follows the program. */
export async function stopWorker(world: World, workerId: number, graceMs: number): Promise<void> {
  const hand = world.hands.get(workerId);
  if (!hand) return;
  hand.abort.abort();
  await hand.settled;
  if (hand.identity !== null) {
    await world.engine.ensureStopped(world.places.workerDir(workerId), hand.identity, graceMs);
  }
}
