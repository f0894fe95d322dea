import type { Report } from "../scheduler/events.ts";
import type { Worker } from "../scheduler/model.ts";
import { must } from "../std/assert.ts";
import type { SmallWorld } from "./small-world.ts";
import { checkNeighbours, type Program } from "./virtual-program.ts";

/** A program falls asleep or wakes, or neither. What stays is what was declared. */
export function move(
  world: SmallWorld,
  what: "falls asleep" | "wakes" | "neither sleeps nor wakes",
  workerId: number,
): readonly Report[] {
  const program = must(world.programs.get(workerId), `worker ${workerId} has a program`);
  const worker = must(world.state.workers.get(workerId), `worker ${workerId} is ordered to sleep or wake`);
  const { fence, lane } = worker;
  world.moveOrdered.delete(workerId);
  if (what === "neither sleeps nor wakes") {
    const failure = { workerId, fence, cause: "program", message: what } as const;
    return toldBy(world, workerId, { type: "worker-sleep-failed", ...failure });
  }
  const vramBytes = lane.spec.sleep?.residueBytes ?? 0;
  if (what === "falls asleep") {
    program.state = "asleep";
    program.claims = program.claims.map(({ gpu }) => ({ gpu, mode: "residue", vramBytes }));
    return toldBy(world, workerId, { type: "worker-asleep", workerId, fence, residueBytes: null });
  }
  program.state = "ready";
  program.claims = claimsOf(world, worker);
  for (const other of world.live) if (other !== program) checkNeighbours(program, other);
  return toldBy(world, workerId, { type: "worker-woken", workerId, fence });
}

/** What the worker is leased, as its program claims it. */
export function claimsOf(world: SmallWorld, { leases }: Worker): Program["claims"] {
  return leases.map(({ gpu, mode, vramBytes }) => ({
    gpu: must(world.gpus[gpu.index], "a GPU of the scope"),
    mode,
    vramBytes,
  }));
}

/** News that this daemon has not heard yet comes first, and in one turn with what follows from it. */
export function toldBy(world: SmallWorld, workerId: number, report: Report): readonly Report[] {
  const earlier = world.workerNews.get(workerId) ?? [];
  world.workerNews.delete(workerId);
  return [...earlier, report];
}
