import type { SeenGpu, SeenWorker } from "./events.ts";
import type { Gpu } from "./model.ts";
import { log, type Transition } from "./transition.ts";
import { drain } from "./worker-transitions.ts";

/** Takes in what the driver shows now; GPUs it no longer shows are lost. */
export function seeGpus(tx: Transition, seen: readonly SeenGpu[]): void {
  tx.needsPlan = true;
  const present = new Set<string>();
  for (const reading of seen) {
    present.add(reading.uuid);
    const known = tx.state.gpus.get(reading.uuid);
    const gpu: Gpu = known ?? { ...reading, nvlinkPeers: [], numaNode: null, leases: new Set() };
    if (known && known.healthy !== reading.healthy) reportHealth(tx, known, reading.healthy);
    if (known && !reading.healthy) drainResidents(tx, known);
    if (known === undefined || known.index !== reading.index || known.totalBytes !== reading.totalBytes)
      tx.changes.gpus.add(gpu);
    Object.assign(gpu, reading);
    tx.state.gpus.set(reading.uuid, gpu);
  }
  for (const gpu of tx.state.gpus.values()) {
    if (present.has(gpu.uuid)) continue;
    if (gpu.healthy) reportHealth(tx, gpu, false);
    drainResidents(tx, gpu);
    if (gpu.leases.size === 0) tx.state.gpus.delete(gpu.uuid);
  }
}

function reportHealth(tx: Transition, gpu: Gpu, healthy: boolean): void {
  gpu.healthy = healthy;
  log(tx, healthy ? "gpu-back" : "gpu-lost", `GPU ${gpu.index} ${healthy ? "is back" : "cannot be used"}`, {
    gpu,
  });
}

/**
 * A GPU that is lost takes no new work; what runs there is left to end by itself or by its caller. It may have been
 * lost while no daemon looked, so its workers are looked at each time and not only when its health changes.
 */
function drainResidents(tx: Transition, gpu: Gpu): void {
  for (const lease of gpu.leases) {
    if (lease.worker.lane.spec.residency === "resident") drain(tx, lease.worker, "gpu-lost");
  }
}

/** Learns how much memory the workers of a lane really take. */
export function seeWorkers(tx: Transition, seen: readonly SeenWorker[]): void {
  for (const { workerId, vramBytes } of seen) {
    const worker = tx.state.workers.get(workerId);
    if (!worker || worker.leases.length === 0) continue;
    const { lane } = worker;
    if (vramBytes <= (lane.learned.vramPeakBytes ?? 0)) continue;
    lane.learned = { ...lane.learned, vramPeakBytes: vramBytes };
    tx.changes.lanes.add(lane);
  }
}
