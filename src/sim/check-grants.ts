import { vramOf } from "../scheduler/capacity.ts";
import { longestRunMs } from "../scheduler/estimate.ts";
import type { SeenGpu } from "../scheduler/events.ts";
import type { Gpu, Lane, Lease, State, Worker } from "../scheduler/model.ts";
import { assert, must } from "../std/assert.ts";
import { checkKinds, isOfKind } from "./check-kinds.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks the leases granted by a step against the last readings and against the world: healthy GPUs, enough room
 * beside strangers and other leases, and no program left that may not be there. It counts for itself, so a mistake in
 * the scheduler's own arithmetic shows.
 * @throws AssertionFailed naming the GPU and worker.
 */
export function checkGrants(committed: Committed): void {
  const { leasesGranted, leasesResized } = committed.step.changes;
  for (const { lease } of leasesGranted) checkGrant(committed, lease);
  for (const lease of leasesResized) if (lease.mode !== "residue") checkGrant(committed, lease);
  const added = [...committed.step.changes.workers].filter(({ id }) => !committed.before.workers.has(id));
  for (const worker of added) {
    const count = new Set(worker.leases.map((lease) => lease.gpu)).size;
    assert(count === worker.lane.spec.gpuCount, `${worker.name} got ${count} GPUs`);
    checkKinds(worker);
  }
  checkHost(committed.state, [...added, ...leasesResized.map((lease) => lease.worker)]);
}

/** Only where a worker that takes some was added: the owner may have changed what those take that run already. */
function checkHost({ policy, workers }: State, added: readonly Worker[]): void {
  let cores = 0;
  let ramBytes = 0;
  for (const { lane, phase, leases } of workers.values()) {
    const isAsleep = leases.some(({ mode }) => mode === "residue");
    if (!isAsleep) cores += lane.spec.cpuCores;
    ramBytes += lane.spec.ramBytes + ("ramBytes" in phase ? (phase.ramBytes ?? 0) : 0);
  }
  const takesCores = added.some(({ lane, phase }) => lane.spec.cpuCores > 0 && phase.state !== "asleep");
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
  let leased = 0;
  let sleeping = 0;
  for (const held of lease.gpu.leases) {
    leased += held.vramBytes;
    if (held.mode === "residue") sleeping += held.vramBytes;
  }
  const isRoom = hasRoom(committed, lease.worker.lane, seen, sleeping);
  assert(isRoom, `${name}: granted beside too much foreign memory`);
  const foreign = lease.mode === "shared" ? seen.foreignBytes : 0;
  const limit = seen.totalBytes - foreign - state.policy.vramReserveBytes;
  assert(leased <= limit, `${name}: ${leased} bytes are leased of ${limit}`);
  for (const program of host.live) {
    const claim = program.claims.find(({ gpu }) => gpu.uuid === lease.gpu.uuid);
    if (claim?.mode === "residue") continue;
    const isOk = claim === undefined || (claim.mode === "shared" && lease.mode === "shared");
    assert(isOk, `${name}: granted while worker ${program.workerId} runs there`);
  }
}

/** What was declared is given until a worker was measured, what was measured after that; never less than either if less is not known to do. */
function checkSize({ state }: Committed, lease: Lease, name: string): void {
  const { spec, learned } = lease.worker.lane;
  if (spec.vramBytes === null) return;
  let wholeBytes = lease.gpu.totalBytes - state.policy.vramReserveBytes;
  for (const { mode, vramBytes } of lease.gpu.leases) if (mode === "residue") wholeBytes -= vramBytes;
  const isMeasured = learned.vramPeakBytes !== null && learned.run.count > 0;
  const leastBytes = isMeasured ? (learned.vramPeakBytes ?? 0) : spec.vramBytes;
  const floorBytes = Math.max(leastBytes, learned.vramFloorBytes ?? 0);
  assert(
    lease.vramBytes >= Math.min(floorBytes, wholeBytes),
    `${name}: the lease of ${lease.vramBytes} bytes is less than ${floorBytes}`,
  );
}

/** Whether the lane fits beside strangers: with what it takes, of which nine tenths of the GPU are enough unless more was declared. */
function hasRoom({ state }: Committed, lane: Lane, seen: SeenGpu, sleepingBytes = 0): boolean {
  const ours = seen.totalBytes - state.policy.vramReserveBytes;
  const enough = Math.max(Math.floor(ours * 0.9), lane.spec.vramBytes ?? 0);
  return Math.min(vramOf(lane) ?? enough, enough) <= ours - seen.foreignBytes - sleepingBytes;
}

/**
 * Whether `lane` would get all its GPUs, one of `uuids` among them, if all workers were gone that are leaving now or
 * hold what they were only lent. It counts from the last readings.
 */
export function couldGet(committed: Committed, lane: Lane, uuids: ReadonlySet<string>): boolean {
  const sleepers = [...lane.workers].filter(isSleeping);
  return [null, ...sleepers].some((waking) => couldGetWith(committed, lane, uuids, waking));
}

/** @param waking the lane's worker that sleeps or will, and would be woken where it is; null = a new one is started. */
function couldGetWith(
  committed: Committed,
  lane: Lane,
  uuids: ReadonlySet<string>,
  waking: Worker | null,
): boolean {
  const { spec } = lane;
  const found: Gpu[] = [];
  for (const gpu of committed.state.gpus.values()) {
    const seen = committed.memory.seen.get(gpu.uuid);
    if (seen === undefined || !seen.healthy || gpu.quarantine !== null || !isOfKind(spec, gpu)) continue;
    if (waking?.leases.every((lease) => lease.gpu !== gpu)) continue;
    let leased = 0;
    let sleeping = 0;
    let isTaken = false;
    for (const { worker, mode, vramBytes } of gpu.leases) {
      if (willBeGone(committed, worker) || worker === waking) continue;
      const residueBytes = residueLeft(worker, mode === "residue" ? vramBytes : null);
      sleeping += residueBytes ?? 0;
      leased += residueBytes ?? vramBytes;
      if (residueBytes !== null) continue;
      if (mode === "exclusive" || spec.mode === "exclusive") isTaken = true;
    }
    if (!hasRoom(committed, lane, seen, sleeping)) continue;
    const roomBytes = seen.totalBytes - committed.state.policy.vramReserveBytes - seen.foreignBytes - leased;
    const needed = Math.min(
      vramOf(lane) ?? 0,
      Math.max(seen.totalBytes - committed.state.policy.vramReserveBytes, 0),
    );
    if (isTaken || (spec.mode === "shared" && needed > roomBytes)) continue;
    found.push(gpu);
  }
  const among = found.filter(({ uuid }) => uuids.has(uuid));
  return among.some(({ vendor }) => found.filter((gpu) => gpu.vendor === vendor).length >= spec.gpuCount);
}

function isSleeping({ phase }: Worker): boolean {
  return phase.state === "asleep" || phase.state === "falling-asleep";
}

/** What a worker that sleeps or will holds of a GPU; null = it does neither. */
function residueLeft({ phase, lane }: Worker, heldBytes: number | null): number | null {
  if (heldBytes !== null) return heldBytes;
  const willSleep = phase.state === "falling-asleep" || (phase.state === "draining" && phase.sleeps === true);
  return willSleep ? (lane.learned.residueBytes ?? lane.spec.sleep?.residueBytes ?? 0) : null;
}

function willBeGone({ before, state }: Committed, worker: Worker): boolean {
  if (worker.phase.state === "draining") return worker.phase.sleeps !== true;
  if (worker.phase.state === "falling-asleep" || worker.phase.state === "asleep") return false;
  if (worker.phase.state === "stopping") return true;
  if (worker.lane.spec.residency === "resident") return worker.backfillUntilMs !== null;
  // Of a command that was put on lent GPUs, nothing is noted; but it is known how long it takes.
  const isNew = !before.workers.has(worker.id);
  return isNew && [...worker.jobs].every((job) => state.jobs.has(job.id) && longestRunMs(job) !== null);
}
