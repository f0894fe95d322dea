import type { SeenGpu } from "../scheduler/events.ts";
import type { Lane, LaneSpec, Lease } from "../scheduler/model.ts";
import { assert, must } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks the leases granted by a step against the last readings and against the world: healthy GPUs, enough room
 * beside strangers and other leases, and no program left that may not be there. It counts for itself, so a mistake in
 * the scheduler's own arithmetic shows.
 * @throws AssertionFailed naming the GPU and worker.
 */
export function checkGrants(committed: Committed): void {
  for (const { lease } of committed.step.changes.leasesGranted) checkGrant(committed, lease);
  for (const worker of committed.step.changes.workers) {
    if (committed.before.workers.has(worker.id)) continue;
    const count = new Set(worker.leases.map((lease) => lease.gpu)).size;
    assert(count === worker.lane.spec.gpuCount, `${worker.name} got ${count} GPUs`);
  }
}

function checkGrant(committed: Committed, lease: Lease): void {
  const { memory, state, host } = committed;
  const { spec } = lease.worker.lane;
  const name = `${lease.worker.name} on GPU ${lease.gpu.index}`;
  const seen = must(memory.seen.get(lease.gpu.uuid), `${name}: granted before the GPU was seen`);
  assert(seen.healthy, `${name}: granted though the GPU is lost`);
  assert(hasRoom(committed, spec, seen), `${name}: granted beside too much foreign memory`);
  let leased = 0;
  for (const held of lease.gpu.leases) leased += held.vramBytes;
  const foreign = lease.mode === "shared" ? seen.foreignBytes : 0;
  const limit = seen.totalBytes - foreign - state.policy.vramReserveBytes;
  assert(leased <= limit, `${name}: ${leased} bytes are leased of ${limit}`);
  for (const program of host.programs.values()) {
    if (program.state === "dead") continue;
    const claim = program.claims.find(({ gpu }) => gpu.uuid === lease.gpu.uuid);
    const isOk = claim === undefined || (claim.mode === "shared" && lease.mode === "shared");
    assert(isOk, `${name}: granted while worker ${program.workerId} runs there`);
  }
}

function hasRoom({ state }: Committed, spec: LaneSpec, seen: SeenGpu): boolean {
  const ours = seen.totalBytes - state.policy.vramReserveBytes;
  const needed = spec.vramBytes ?? Math.floor(ours * 0.9);
  return needed <= ours - seen.foreignBytes;
}

/**
 * How many GPUs `lane` would get if all workers were gone that are leaving now, and whether one of `uuids` is among
 * them. It counts from the last readings.
 */
export function couldGet(committed: Committed, lane: Lane, uuids: ReadonlySet<string>): boolean {
  const { spec } = lane;
  let count = 0;
  let isAmong = false;
  for (const gpu of committed.state.gpus.values()) {
    const seen = committed.memory.seen.get(gpu.uuid);
    if (seen === undefined || !seen.healthy || !hasRoom(committed, spec, seen)) continue;
    let leased = 0;
    let isTaken = false;
    for (const { worker, mode, vramBytes } of gpu.leases) {
      if (worker.phase.state === "draining" || worker.phase.state === "stopping") continue;
      leased += vramBytes;
      if (mode === "exclusive" || spec.mode === "exclusive") isTaken = true;
    }
    const roomBytes = seen.totalBytes - committed.state.policy.vramReserveBytes - seen.foreignBytes - leased;
    if (isTaken || (spec.mode === "shared" && (spec.vramBytes ?? 0) > roomBytes)) continue;
    count += 1;
    if (uuids.has(gpu.uuid)) isAmong = true;
  }
  return isAmong && count >= spec.gpuCount;
}
