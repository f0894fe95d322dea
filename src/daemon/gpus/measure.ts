import type { GpuProbe } from "../../gpu/probe.ts";
import type { Sampler } from "../../gpu/sampler.ts";
import type { Worker } from "../../scheduler/model.ts";
import type { Clock } from "../../std/clock.ts";

/** Looks at what a worker holds, now that it holds most: it has just loaded, or finished a job. */
export type Measure = (worker: Pick<Worker, "leases">) => void;

/**
 * Jobs may end thousands of times a second, and each look costs the driver something. What is missed is seen by the
 * sampler's own round a little later, since allocators keep what they took.
 */
const SHORTEST_INTERVAL_MS = 1_000;
/** nvidia-smi takes up to seconds for one answer. */
const SLOW_INTERVAL_MS = 5_000;

/** Makes a `Measure` that looks at most once in a while, however often it is called. */
export function createMeasurer(
  sampler: Pick<Sampler, "sampleNow">,
  { probeKind, clock }: { readonly probeKind: GpuProbe["kind"]; readonly clock: Clock },
): Measure {
  const intervalMs = probeKind === "nvidia-smi" ? SLOW_INTERVAL_MS : SHORTEST_INTERVAL_MS;
  let nextMs = Number.NEGATIVE_INFINITY;
  return (worker) => {
    const nowMs = clock.monotonicMs();
    if (worker.leases.length === 0 || nowMs < nextMs) return;
    nextMs = nowMs + intervalMs;
    void sampler.sampleNow({ processes: true });
  };
}
