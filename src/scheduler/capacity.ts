import type { Gpu, Lane, LaneSpec, Policy, Worker } from "./model.ts";

/** What a worker of the lane is expected to hold on each of its GPUs while it sleeps: what was measured last, else declared. Bytes. */
export function residueBytesOf({ spec, learned }: Pick<Lane, "spec" | "learned">): number {
  return learned.residueBytes ?? spec.sleep?.residueBytes ?? 0;
}

/** Bytes that workers which are asleep hold on the GPU, but for `except`. */
export function sleepersBytes(gpu: Gpu, except: Worker | null = null): number {
  let sum = 0;
  for (const { mode, vramBytes, worker } of gpu.leases)
    if (mode === "residue" && worker !== except) sum += vramBytes;
  return sum;
}

/** Memory a GPU can give to us at all: what it has, less the reserve and what strangers hold. Bytes. */
export function usableBytes(policy: Policy, gpu: Gpu): number {
  return gpu.totalBytes - policy.vramReserveBytes - gpu.foreignBytes;
}

/** A lease is this much larger than the peak that was measured: allocators fragment, inputs differ. */
const PEAK_MARGIN = 1.1;

/** A worker that has only loaded holds less than one that worked: a lower peak counts after this many runs. */
const ENOUGH_RUNS = 3;

/**
 * Memory that one worker of the lane is given on each GPU: what its owner declared until a worker was measured, then
 * the peak with a margin, and after a job ran out of memory at least the raised floor. Null = the whole GPU. Bytes.
 */
export function vramOf(lane: Pick<Lane, "spec" | "learned">): number | null {
  const { vramBytes } = lane.spec;
  if (vramBytes === null) return null;
  const { vramPeakBytes, vramFloorBytes, run } = lane.learned;
  const peakBytes = Math.ceil((vramPeakBytes ?? 0) * PEAK_MARGIN);
  const isMeasured = peakBytes > 0 && run.count >= ENOUGH_RUNS;
  return Math.max(isMeasured ? peakBytes : Math.max(vramBytes, peakBytes), vramFloorBytes ?? 0);
}

/**
 * Bytes of one lease of `lane` on `gpu`. A lease of the whole GPU is booked as all that it has, but what has to be
 * free before it is granted is less (see `neededBytes`): drivers keep some for themselves. What was learned never asks
 * for more than the GPU has: then it gets all of it.
 * @param sleepingBytes held by workers that sleep there: all of a GPU means all but that
 */
export function leaseBytes(
  policy: Policy,
  lane: Pick<Lane, "spec" | "learned">,
  gpu: Gpu,
  sleepingBytes = 0,
): number {
  const roomBytes = Math.max(0, gpu.totalBytes - policy.vramReserveBytes);
  const bytes = vramOf(lane);
  const wanted = bytes === null ? roomBytes : Math.min(bytes, Math.max(lane.spec.vramBytes ?? 0, roomBytes));
  return sleepingBytes === 0 ? wanted : Math.max(0, Math.min(wanted, roomBytes - sleepingBytes));
}

/** Share of a GPU that a whole-GPU lease asks to be free: the rest may be held by the driver or a desktop. */
const WHOLE_GPU_SHARE = 0.9;

/** Bytes that must really be free on `gpu` before a worker of `lane` may start there. */
export function neededBytes(policy: Policy, lane: Pick<Lane, "spec" | "learned">, gpu: Gpu): number {
  const wholeBytes = Math.floor((gpu.totalBytes - policy.vramReserveBytes) * WHOLE_GPU_SHARE);
  const bytes = vramOf(lane);
  return bytes === null ? wholeBytes : Math.min(bytes, Math.max(lane.spec.vramBytes ?? 0, wholeBytes));
}

/**
 * Whether a GPU is of the kind that the lane's programs can use. A CUDA program sees one instance of a board at most, so
 * instances are never taken together (NVIDIA, "MIG User Guide", CUDA_VISIBLE_DEVICES).
 */
export function suits({ gpuVendor, gpuCount }: LaneSpec, { vendor, parent }: Gpu): boolean {
  const isOfVendor = gpuVendor === null || vendor === null || vendor === gpuVendor;
  return isOfVendor && (gpuCount < 2 || parent === null);
}

/** Whether work may be given to the GPU: the driver has nothing to say against it, and neither has a person to look at it first. */
export function isUsable({ healthy, quarantine }: Gpu): boolean {
  return healthy && quarantine === null;
}

/** Whether a worker of `spec` could ever run on `gpu`, were nobody else on it. */
export function fitsEmpty(policy: Policy, spec: LaneSpec, gpu: Gpu): boolean {
  return suits(spec, gpu) && (spec.vramBytes ?? 0) <= gpu.totalBytes - policy.vramReserveBytes;
}

/** Bytes of all leases on `gpu`. */
export function leasedBytes(gpu: Gpu): number {
  let sum = 0;
  for (const lease of gpu.leases) sum += lease.vramBytes;
  return sum;
}
