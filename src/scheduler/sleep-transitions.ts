import { assert } from "../std/assert.ts";
import { formatBytes } from "../std/bytes.ts";
import { leaseBytes, leasedBytes, residueBytesOf, sleepersBytes } from "./capacity.ts";
import { settleWaiting } from "./job-transitions.ts";
import { smooth } from "./learned.ts";
import type { Lane, Lease, Worker } from "./model.ts";
import { sleepRamBytes, withSleepFailure } from "./sleep.ts";
import { log, type Transition } from "./transition.ts";
import type { StopReason } from "./worker-phase.ts";

/** Orders an idle worker to sleep. It keeps its leases whole until it is known to. The caller has made sure that it may. */
export function fallAsleep(tx: Transition, worker: Worker, reason: StopReason): void {
  const { phase } = worker;
  assert(worker.jobs.size === 0, `${worker.name} is to sleep and has jobs`);
  const idleSinceMs = phase.state === "ready" ? phase.idleSinceMs : tx.nowMs;
  const ramBytes = sleepRamBytes(worker);
  const level = worker.lane.spec.sleep?.level ?? 1;
  worker.phase = { state: "falling-asleep", sinceMs: tx.nowMs, reason, idleSinceMs, ramBytes, level };
  tx.needsPlan = true;
  tx.changes.workers.add(worker);
  tx.effects.push({ type: "sleep-worker", workerId: worker.id });
  log(tx, "worker-falling-asleep", `${worker.name} falls asleep (${reason})`, { worker });
}

/**
 * The worker has given its VRAM back: what it still holds is all that is left of its leases.
 * @param kept what was measured on each GPU, and of the host's memory; null = unknown, so what is expected is booked
 */
export function settleAsleep(
  tx: Transition,
  worker: Worker,
  { residueBytes, ramBytes: takenBytes }: { residueBytes: number | null; ramBytes: number | null },
): void {
  const { lane, phase } = worker;
  if (phase.state !== "falling-asleep") return;
  const { idleSinceMs, level } = phase;
  // One that an earlier daemon sent to sleep may have slept before anybody measured.
  const isMeasured = worker.id > tx.state.adoptedUpTo;
  const ramBytes = isMeasured ? (takenBytes ?? phase.ramBytes) : phase.ramBytes;
  lane.learned = {
    ...lane.learned,
    residueBytes: residueBytes ?? lane.learned.residueBytes,
    ...(isMeasured ? { sleepMs: smooth(lane.learned.sleepMs, tx.nowMs - phase.sinceMs) } : {}),
    ...(isMeasured && takenBytes !== null ? { sleepRamBytes: takenBytes } : {}),
  };
  tx.changes.lanes.add(lane);
  worker.phase = { state: "asleep", sinceMs: tx.nowMs, idleSinceMs, ramBytes, level };
  worker.backfillUntilMs = null;
  const kept = residueBytesOf(lane);
  resize(
    tx,
    worker,
    worker.leases.map((lease) => ({ ...lease, mode: "residue", vramBytes: Math.min(kept, lease.vramBytes) })),
  );
  tx.needsPlan = true;
  tx.state.nextLimitMs = Math.min(tx.state.nextLimitMs, tx.nowMs);
  tx.changes.workers.add(worker);
  log(tx, "worker-asleep", `${worker.name} sleeps and holds ${formatBytes(kept)} of each GPU`, { worker });
}

/**
 * A worker that sleeps was seen to hold `vramBytes` on one of its GPUs. What it holds beyond its leases is booked.
 * @returns false where others hold too much for that
 */
export function noteResidue(tx: Transition, worker: Worker, vramBytes: number): boolean {
  const { lane } = worker;
  if (worker.leases.every((lease) => vramBytes <= lease.vramBytes)) return true;
  lane.learned = { ...lane.learned, residueBytes: vramBytes };
  tx.changes.lanes.add(lane);
  const grown = worker.leases.map((lease) => ({
    ...lease,
    vramBytes: Math.max(vramBytes, lease.vramBytes),
  }));
  const fits = worker.leases.every(
    ({ gpu, vramBytes: before }) =>
      leasedBytes(gpu) + Math.max(0, vramBytes - before) <= gpu.totalBytes - tx.state.policy.vramReserveBytes,
  );
  if (!fits) return false;
  resize(tx, worker, grown);
  tx.needsPlan = true;
  return true;
}

/**
 * Grants a worker that sleeps its GPUs again, with a new fence, and has it woken. The caller has checked that it fits.
 * @param backfillUntilMs set when some of the GPUs are promised to others from then on
 */
export function wake(tx: Transition, worker: Worker, backfillUntilMs: number | null = null): void {
  const { phase, lane } = worker;
  assert(phase.state === "asleep", `${worker.name} is to wake and does not sleep`);
  const { policy } = tx.state;
  tx.state.lastFence += 1;
  worker.fence = tx.state.lastFence;
  worker.phase = { state: "waking", sinceMs: tx.nowMs, ramBytes: phase.ramBytes, level: phase.level };
  worker.backfillUntilMs = backfillUntilMs;
  resize(
    tx,
    worker,
    worker.leases.map(({ gpu }) => {
      const vramBytes = leaseBytes(policy, lane, gpu, sleepersBytes(gpu, worker));
      return { gpu, worker, mode: lane.spec.mode, vramBytes, fence: worker.fence };
    }),
  );
  noteComing(tx, lane, worker);
  tx.changes.workers.add(worker);
  tx.effects.push({ type: "wake-worker", workerId: worker.id });
  const gpus = worker.leases.map((lease) => lease.gpu.index).join(", ");
  log(
    tx,
    "worker-waking",
    `${worker.name} is woken on GPU ${gpus} for ${lane.spec.title} (fence ${worker.fence})`,
    {
      worker,
    },
  );
}

/** A worker of the lane is on its way: what a person or a hint asked for is being done. */
export function noteComing(tx: Transition, lane: Lane, worker: Worker): void {
  if (lane.summons !== null) lane.summoned = worker;
  lane.summons = null;
  lane.hintUntilMs = 0;
  settleWaiting(tx, lane);
}

/** Sleeping did not work out for a worker of the lane: it is left alone for a while. */
export function noteSleepFailure(tx: Transition, lane: Lane, isUnable: boolean): void {
  lane.learned = withSleepFailure(lane, isUnable, tx.nowMs);
  tx.changes.lanes.add(lane);
}

function resize(tx: Transition, worker: Worker, leases: readonly Lease[]): void {
  for (const lease of worker.leases) lease.gpu.leases.delete(lease);
  worker.leases = leases;
  for (const lease of leases) {
    lease.gpu.leases.add(lease);
    tx.changes.leasesResized.push(lease);
  }
}
