import type { GpuProcess, GpuReading } from "./probe.ts";

/** One GPU of a sample. */
export interface SampledGpu {
  readonly reading: GpuReading;
  /** Memory held by programs that are not ours. */
  readonly foreignBytes: number;
  /** As last listed; null while the driver has not told. */
  readonly processes: readonly GpuProcess[] | null;
}

/** All GPUs as last read. */
export interface GpuSample {
  /** Wall clock of the reading, milliseconds since the epoch; 0 before the first one. */
  readonly atMs: number;
  readonly gpus: readonly SampledGpu[];
  /** Set when reading failed since: what the driver said, and how often in a row. The GPUs are then old ones. */
  readonly stale: { readonly reason: string; readonly failures: number } | null;
}

/** Less than this is a driver's own coming and going; a CUDA context alone takes hundreds of MiB. */
export const materialBytes = 64 * 2 ** 20;

/** Whether `next` differs from `before` in what placement depends on. */
export function isMaterialChange(before: GpuSample, next: GpuSample): boolean {
  if (before.gpus.length !== next.gpus.length) return true;
  const known = new Map(before.gpus.map((gpu) => [gpu.reading.uuid, gpu]));
  return next.gpus.some((gpu) => {
    const old = known.get(gpu.reading.uuid);
    return (
      old === undefined ||
      old.reading.health.ok !== gpu.reading.health.ok ||
      old.reading.index !== gpu.reading.index ||
      old.reading.memory.totalBytes !== gpu.reading.memory.totalBytes ||
      Math.abs(old.foreignBytes - gpu.foreignBytes) > materialBytes
    );
  });
}

/** The same GPUs, none of which may be used: nobody knows what is on them. */
export function markUnhealthy(gpus: readonly SampledGpu[], detail: string): readonly SampledGpu[] {
  return gpus.map((gpu) => ({ ...gpu, reading: { ...gpu.reading, health: { ok: false, detail } } }));
}
