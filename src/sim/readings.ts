import type { SeenGpu } from "../scheduler/events.ts";

/** A lost GPU is either named as such or missing from the list, as drivers do. */
export function listed(gpus: readonly SeenGpu[]): SeenGpu[] {
  return gpus.filter((gpu) => gpu.healthy || gpu.index % 2 === 0);
}

/** Whether two looks at the GPUs show the same. */
export function areEqual(left: readonly SeenGpu[], right: readonly SeenGpu[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((gpu, at) => {
    const other = right[at];
    const isAsWell = gpu.healthy === other?.healthy && gpu.fault === other.fault;
    return isAsWell && gpu.uuid === other.uuid && gpu.foreignBytes === other.foreignBytes;
  });
}
