import fs from "node:fs/promises";
import type { State } from "../scheduler/model.ts";
import type { Changes } from "../scheduler/transition.ts";
import type { DaemonPlaces } from "./places.ts";

/** Removes the control files of workers whose end has just been committed. Only now: until then they are the record. */
export function removeLeftovers(places: DaemonPlaces, changes: Changes): void {
  for (const { worker } of changes.workersGone) void removeAll(places.leftovers(worker.id));
}

/** Removes what a daemon that was killed did not get to: files of workers that are no longer on the books. */
export async function removeStale(places: DaemonPlaces, workersDir: string, state: State): Promise<void> {
  const names = await fs.readdir(workersDir).catch(() => []);
  const ids = new Set(
    names.filter((name) => !name.endsWith(".log")).map((name) => Number.parseInt(name, 10)),
  );
  for (const id of ids) {
    if (Number.isSafeInteger(id) && !state.workers.has(id)) await removeAll(places.leftovers(id));
  }
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const each of paths) await fs.rm(each, { recursive: true, force: true }).catch(() => undefined);
}
