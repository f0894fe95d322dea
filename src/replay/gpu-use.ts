import type { Worker } from "../scheduler/model.ts";

/** Adds up how long at least one of the workers on a GPU was at something, over all GPUs. */
export interface GpuUse {
  begin(worker: Worker, atMs: number): void;
  end(worker: Worker, atMs: number): void;
  /** GPU-milliseconds up to `atMs`, what goes on then counted in. */
  totalMs(atMs: number): number;
}

interface Entry {
  count: number;
  sinceMs: number;
}

/** Nothing begun yet. */
export function createGpuUse(): GpuUse {
  const entries = new Map<string, Entry>();
  let overMs = 0;
  return {
    begin(worker, atMs) {
      for (const { gpu } of worker.leases) {
        const entry = entries.get(gpu.uuid) ?? { count: 0, sinceMs: atMs };
        if (entry.count === 0) entry.sinceMs = atMs;
        entry.count += 1;
        entries.set(gpu.uuid, entry);
      }
    },
    end(worker, atMs) {
      for (const { gpu } of worker.leases) {
        const entry = entries.get(gpu.uuid);
        if (entry === undefined || entry.count === 0) continue;
        entry.count -= 1;
        if (entry.count === 0) overMs += atMs - entry.sinceMs;
      }
    },
    totalMs(atMs) {
      let sum = overMs;
      for (const { count, sinceMs } of entries.values()) if (count > 0) sum += atMs - sinceMs;
      return sum;
    },
  };
}
