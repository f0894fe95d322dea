import { formatBytes } from "../std/bytes.ts";
import { isUsable } from "./capacity.ts";
import type { SeenGpu, SeenWorker } from "./events.ts";
import type { Gpu } from "./model.ts";
import { drainResidents, quarantine } from "./quarantine.ts";
import { noteResidue } from "./sleep-transitions.ts";
import { log, type Transition } from "./transition.ts";
import { stop } from "./worker-transitions.ts";

const newGpu = {
  nvlinkPeers: [],
  numaNode: null,
  vendor: null,
  parent: null,
  quarantine: null,
  memoryFailures: 0,
};

/** Takes in what the driver shows now; GPUs it no longer shows are lost. */
export function seeGpus(tx: Transition, seen: readonly SeenGpu[]): void {
  tx.needsPlan = true;
  const present = new Set<string>();
  for (const { fault = null, ...shown } of seen) {
    present.add(shown.uuid);
    const known = tx.state.gpus.get(shown.uuid);
    const gpu: Gpu = known ?? { ...shown, ...newGpu, leases: new Set() };
    if (fault !== null) quarantine(tx, gpu, fault.code, fault.text);
    if (known && known.healthy !== shown.healthy) reportHealth(tx, known, shown.healthy);
    if (known === undefined || isOther(known, shown)) tx.changes.gpus.add(gpu);
    Object.assign(gpu, shown);
    if (!isUsable(gpu)) drainResidents(tx, gpu);
    tx.state.gpus.set(shown.uuid, gpu);
  }
  for (const gpu of tx.state.gpus.values()) {
    if (present.has(gpu.uuid)) continue;
    if (gpu.healthy) reportHealth(tx, gpu, false);
    drainResidents(tx, gpu);
    if (gpu.leases.size === 0 && gpu.quarantine === null) tx.state.gpus.delete(gpu.uuid);
  }
}

/** Whether what is kept of a GPU has changed. */
function isOther(known: Gpu, seen: SeenGpu): boolean {
  const { index, totalBytes, vendor = null, parent = null } = seen;
  const isMoved = known.index !== index || known.totalBytes !== totalBytes;
  return isMoved || known.vendor !== vendor || known.parent !== parent;
}

function reportHealth(tx: Transition, gpu: Gpu, healthy: boolean): void {
  gpu.healthy = healthy;
  log(tx, healthy ? "gpu-back" : "gpu-lost", `GPU ${gpu.index} ${healthy ? "is back" : "cannot be used"}`, {
    gpu,
  });
}

/** Learns how much memory the workers of a lane really take. */
export function seeWorkers(tx: Transition, seen: readonly SeenWorker[]): void {
  for (const { workerId, vramBytes } of seen) {
    const worker = tx.state.workers.get(workerId);
    if (!worker || worker.leases.length === 0) continue;
    const { lane } = worker;
    if (worker.phase.state === "asleep" && !noteResidue(tx, worker, vramBytes)) {
      log(tx, "worker-residue", `${worker.name} holds ${formatBytes(vramBytes)} in its sleep`, { worker });
      stop(tx, worker, "sleep-failed");
    }
    if (vramBytes <= (lane.learned.vramPeakBytes ?? 0)) continue;
    lane.learned = { ...lane.learned, vramPeakBytes: vramBytes };
    tx.changes.lanes.add(lane);
  }
}
