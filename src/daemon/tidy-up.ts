import fs from "node:fs/promises";
import type { State } from "../scheduler/model.ts";
import type { Changes } from "../scheduler/transition.ts";
import type { DaemonPlaces } from "./places.ts";

/** Removes the control files of workers whose end has just been committed. Only now: until then they are the record. */
export function removeLeftovers(places: DaemonPlaces, changes: Changes): void {
  for (const { worker } of changes.workersGone) void removeAll(places, worker.id);
}

/** Removes what a daemon that was killed did not get to: files of workers that are no longer on the books. */
export async function removeStale(places: DaemonPlaces, workersDir: string, state: State): Promise<void> {
  const names = await fs.readdir(workersDir).catch(() => []);
  const ids = new Set(
    names.filter((name) => !name.endsWith(".log")).map((name) => Number.parseInt(name, 10)),
  );
  for (const id of ids) {
    if (Number.isSafeInteger(id) && !state.workers.has(id)) await removeAll(places, id);
  }
}

async function removeAll(places: DaemonPlaces, workerId: number): Promise<void> {
  for (const each of places.leftovers(workerId))
    await fs.rm(each, { recursive: true, force: true }).catch(() => undefined);
  // One name at a time: whoever owns the folder could have a recursive look led elsewhere by a link.
  for (const each of places.leftSockets(workerId))
    await fs.unlink(each).catch(() => fs.rmdir(each).catch(() => undefined));
}
