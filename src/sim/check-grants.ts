import { vramOf } from "../scheduler/capacity.ts";
import { longestRunMs } from "../scheduler/estimate.ts";
import type { SeenGpu } from "../scheduler/events.ts";
import type { Lane, Lease, State, Worker } from "../scheduler/model.ts";
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
  const added = [...committed.step.changes.workers].filter(({ id }) => !committed.before.workers.has(id));
  for (const worker of added) {
    const count = new Set(worker.leases.map((lease) => lease.gpu)).size;
    assert(count === worker.lane.spec.gpuCount, `${worker.name} got ${count} GPUs`);
  }
  checkHost(committed.state, added);
}

/** Only where a worker that takes some was added: the owner may have changed what those take that run already. */
function checkHost({ policy, workers }: State, added: readonly Worker[]): void {
  let cores = 0;
  let ramBytes = 0;
  for (const { lane } of workers.values()) {
    cores += lane.spec.cpuCores;
    ramBytes += lane.spec.ramBytes;
  }
  const takesCores = added.some(({ lane }) => lane.spec.cpuCores > 0);
  const takesRam = policy.ramBytes > 0 && added.some(({ lane }) => lane.spec.ramBytes > 0);
  assert(!takesCores || cores <= policy.cpuCores, `workers hold ${cores} of ${policy.cpuCores} CPU cores`);
  assert(
    !takesRam || ramBytes <= policy.ramBytes,
    `workers hold ${ramBytes} of ${policy.ramBytes} bytes of memory`,
  );
}

function checkGrant(committed: Committed, lease: Lease): void {
  const { memory, state, host } = committed;
  const name = `${lease.worker.name} on GPU ${lease.gpu.index}`;
  const seen = must(memory.seen.get(lease.gpu.uuid), `${name}: granted before the GPU was seen`);
  assert(seen.healthy, `${name}: granted though the GPU is lost`);
  checkSize(committed, lease, name);
  assert(hasRoom(committed, lease.worker.lane, seen), `${name}: granted beside too much foreign memory`);
  let leased = 0;
  for (const held of lease.gpu.leases) leased += held.vramBytes;
  const foreign = lease.mode === "shared" ? seen.foreignBytes : 0;
  const limit = seen.totalBytes - foreign - state.policy.vramReserveBytes;
  assert(leased <= limit, `${name}: ${leased} bytes are leased of ${limit}`);
  for (const program of host.live) {
    const claim = program.claims.find(({ gpu }) => gpu.uuid === lease.gpu.uuid);
    const isOk = claim === undefined || (claim.mode === "shared" && lease.mode === "shared");
    assert(isOk, `${name}: granted while worker ${program.workerId} runs there`);
  }
}

/** What was declared is given until a worker was measured, what was measured after that; never less than either if less is not known to do. */
function checkSize({ state }: Committed, lease: Lease, name: string): void {
  const { spec, learned } = lease.worker.lane;
  if (spec.vramBytes === null) return;
  const wholeBytes = lease.gpu.totalBytes - state.policy.vramReserveBytes;
  const isMeasured = learned.vramPeakBytes !== null && learned.run.count > 0;
  const leastBytes = isMeasured ? (learned.vramPeakBytes ?? 0) : spec.vramBytes;
  const floorBytes = Math.max(leastBytes, learned.vramFloorBytes ?? 0);
  assert(
    lease.vramBytes >= Math.min(floorBytes, wholeBytes),
    `${name}: the lease of ${lease.vramBytes} bytes is less than ${floorBytes}`,
  );
}

/** Whether the lane fits beside strangers: with what it takes, of which nine tenths of the GPU are enough unless more was declared. */
function hasRoom({ state }: Committed, lane: Lane, seen: SeenGpu): boolean {
  const ours = seen.totalBytes - state.policy.vramReserveBytes;
  const enough = Math.max(Math.floor(ours * 0.9), lane.spec.vramBytes ?? 0);
  return Math.min(vramOf(lane) ?? enough, enough) <= ours - seen.foreignBytes;
}

/**
 * Whether `lane` would get all its GPUs, one of `uuids` among them, if all workers were gone that are leaving now or
 * hold what they were only lent. It counts from the last readings.
 */
export function couldGet(committed: Committed, lane: Lane, uuids: ReadonlySet<string>): boolean {
  const { spec } = lane;
  let count = 0;
  let isAmong = false;
  for (const gpu of committed.state.gpus.values()) {
    const seen = committed.memory.seen.get(gpu.uuid);
    if (seen === undefined || !seen.healthy || !hasRoom(committed, lane, seen)) continue;
    let leased = 0;
    let isTaken = false;
    for (const { worker, mode, vramBytes } of gpu.leases) {
      if (willBeGone(committed, worker)) continue;
      leased += vramBytes;
      if (mode === "exclusive" || spec.mode === "exclusive") isTaken = true;
    }
    const roomBytes = seen.totalBytes - committed.state.policy.vramReserveBytes - seen.foreignBytes - leased;
    const needed = Math.min(
      vramOf(lane) ?? 0,
      Math.max(seen.totalBytes - committed.state.policy.vramReserveBytes, 0),
    );
    if (isTaken || (spec.mode === "shared" && needed > roomBytes)) continue;
    count += 1;
    if (uuids.has(gpu.uuid)) isAmong = true;
  }
  return isAmong && count >= spec.gpuCount;
}

function willBeGone({ before, state }: Committed, worker: Worker): boolean {
  if (worker.phase.state === "draining" || worker.phase.state === "stopping") return true;
  if (worker.lane.spec.residency === "resident") return worker.backfillUntilMs !== null;
  // Of a command that was put on lent GPUs, nothing is noted; but it is known how long it takes.
  const isNew = !before.workers.has(worker.id);
  return isNew && [...worker.jobs].every((job) => state.jobs.has(job.id) && longestRunMs(job) !== null);
}
