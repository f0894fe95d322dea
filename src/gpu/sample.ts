import type { GpuProcess, GpuReading } from "./probe.ts";

/** A process on a GPU, and whose it is: `workerId` is null for one that is not ours. */
export interface SampledProcess extends GpuProcess {
  readonly workerId: number | null;
  /** It serves workers of ours on that GPU (MPS) and is no worker's own; then `workerId` is null. */
  readonly isHelp?: boolean;
}

/** Whether a process is neither ours nor of help to ours. */
export function isStranger({ workerId, isHelp = false }: SampledProcess): boolean {
  return workerId === null && !isHelp;
}

/** One GPU of a sample. */
export interface SampledGpu {
  readonly reading: GpuReading;
  /** Memory held by programs that are not ours. */
  readonly foreignBytes: number;
  /** As last listed; null while the driver has not told. */
  readonly processes: readonly SampledProcess[] | null;
}

/** All GPUs as last read. */
export interface GpuSample {
  /** Wall clock of the reading, milliseconds since the epoch; 0 before the first one. */
  readonly atMs: number;
  readonly gpus: readonly SampledGpu[];
  /** Bytes that each worker holds now: worker id → GPU UUID → bytes. No entry = unknown; see `WorkerMemory`. */
  readonly workerBytes: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** Set when reading failed since: what the driver said, and how often in a row. The GPUs are then old ones. */
  readonly stale: { readonly reason: string; readonly failures: number } | null;
}

/** Less than this is a driver's own coming and going; a CUDA context alone takes hundreds of MiB. */
export const materialBytes = 64 * 2 ** 20;

/** Whether `next` differs from `before` in what placement depends on, or a worker holds more than was known. */
export function isMaterialChange(before: GpuSample, next: GpuSample): boolean {
  if (before.gpus.length !== next.gpus.length || hasGrown(before, next)) return true;
  const known = new Map(before.gpus.map((gpu) => [gpu.reading.uuid, gpu]));
  return next.gpus.some((gpu) => {
    const old = known.get(gpu.reading.uuid);
    return old === undefined || hasChanged(old, gpu);
  });
}

function hasChanged(old: SampledGpu, gpu: SampledGpu): boolean {
  return (
    old.reading.health.ok !== gpu.reading.health.ok ||
    faultOf(old) !== faultOf(gpu) ||
    old.reading.index !== gpu.reading.index ||
    old.reading.memory.totalBytes !== gpu.reading.memory.totalBytes ||
    old.reading.parent !== gpu.reading.parent ||
    old.reading.visibleAs !== gpu.reading.visibleAs ||
    old.reading.numaNode !== gpu.reading.numaNode ||
    old.reading.nvlinkPeers.join() !== gpu.reading.nvlinkPeers.join() ||
    Math.abs(old.foreignBytes - gpu.foreignBytes) > materialBytes
  );
}

function faultOf({ reading: { health } }: SampledGpu): string | undefined {
  return health.ok ? undefined : health.fault;
}

/** Only more than before matters: what is learned of a worker is its peak. */
function hasGrown(before: GpuSample, next: GpuSample): boolean {
  for (const [workerId, byGpu] of next.workerBytes) {
    const known = before.workerBytes.get(workerId);
    for (const [uuid, bytes] of byGpu) if (bytes - (known?.get(uuid) ?? 0) > materialBytes) return true;
  }
  return false;
}

/** The same GPUs, none of which may be used: nobody knows what is on them. */
export function markUnhealthy(gpus: readonly SampledGpu[], detail: string): readonly SampledGpu[] {
  return gpus.map((gpu) => ({ ...gpu, reading: { ...gpu.reading, health: { ok: false, detail } } }));
}
