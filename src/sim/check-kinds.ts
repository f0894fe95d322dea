import type { Gpu, LaneSpec, Worker } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";

/** Whether programs of a lane can use a GPU: one of the vendor that was asked for, and no part of a board for several. */
export function isOfKind(
  { gpuVendor, gpuCount }: LaneSpec,
  { vendor, parent }: Pick<Gpu, "vendor" | "parent">,
): boolean {
  if (gpuVendor !== null && vendor !== null && vendor !== gpuVendor) return false;
  return gpuCount <= 1 || parent === null;
}

/**
 * Checks that a worker got GPUs of a kind that its program can use, all of one vendor.
 * @throws AssertionFailed naming the worker.
 */
export function checkKinds({ name, lane, leases }: Worker): void {
  const vendors = new Set(leases.map(({ gpu }) => gpu.vendor));
  assert(vendors.size < 2, `${name} got GPUs of several vendors`);
  for (const { gpu } of leases)
    assert(isOfKind(lane.spec, gpu), `${name} got ${gpu.uuid}, which is of the wrong kind`);
}

/** The largest number of these GPUs that are of one vendor. */
export function mostOfOneVendor(gpus: readonly Pick<Gpu, "vendor">[]): number {
  const sizes = gpus.map(({ vendor }) => gpus.filter((other) => other.vendor === vendor).length);
  return Math.max(0, ...sizes);
}
