import type { Gpu, LaneSpec, Policy } from "./model.ts";

/** Memory a GPU can give to us at all: what it has, less the reserve and what strangers hold. Bytes. */
export function usableBytes(policy: Policy, gpu: Gpu): number {
  return gpu.totalBytes - policy.vramReserveBytes - gpu.foreignBytes;
}

/**
 * Bytes of one lease of `spec` on `gpu`. A lease of the whole GPU is booked as all that it has, but what has to be
 * free before it is granted is less (see `neededBytes`): drivers keep some for themselves.
 */
export function leaseBytes(policy: Policy, spec: LaneSpec, gpu: Gpu): number {
  return spec.vramBytes ?? Math.max(0, gpu.totalBytes - policy.vramReserveBytes);
}

/** Share of a GPU that a whole-GPU lease asks to be free: the rest may be held by the driver or a desktop. */
const WHOLE_GPU_SHARE = 0.9;

/** Bytes that must really be free on `gpu` before a worker of `spec` may start there. */
export function neededBytes(policy: Policy, spec: LaneSpec, gpu: Gpu): number {
  return spec.vramBytes ?? Math.floor((gpu.totalBytes - policy.vramReserveBytes) * WHOLE_GPU_SHARE);
}

/** Whether a worker of `spec` could ever run on `gpu`, were nobody else on it. */
export function fitsEmpty(policy: Policy, spec: LaneSpec, gpu: Gpu): boolean {
  return neededBytes(policy, spec, gpu) <= gpu.totalBytes - policy.vramReserveBytes;
}

/** Bytes of all leases on `gpu`. */
export function leasedBytes(gpu: Gpu): number {
  let sum = 0;
  for (const lease of gpu.leases) sum += lease.vramBytes;
  return sum;
}
