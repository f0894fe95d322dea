import type { GpuProbe } from "./probe.ts";

/** A host without GPUs. Jobs that need none run; the others are refused. */
export function createNoneProbe(): GpuProbe {
  return { kind: "none", read: async () => [], processes: async () => new Map(), close: async () => {} };
}
