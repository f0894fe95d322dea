import type { GpuSample } from "../../gpu/sample.ts";
import type { State, Worker } from "../../scheduler/model.ts";

/** Estimates what jobs take of the GPUs' energy. */
export interface EnergyMeter {
  /** Counts the time since the sample before for the jobs that run now. */
  note(sample: Pick<GpuSample, "atMs" | "gpus">): void;
  /** Joules so far; null when no power was measured while it ran. */
  of(jobId: number): number | null;
  /** Jobs that are over. */
  forget(ended: readonly { readonly job: { readonly id: number } }[]): void;
}

/** A longer gap between two samples is one in which nobody looked: it is not counted. */
const LONGEST_GAP_MS = 30_000;

/**
 * Energy is power times time between samples (the mean of both ends), of whole boards as the driver has it, idle power included.
 * Workers that share a GPU have parts by the sizes of their leases, jobs on one worker equal ones. Kept in memory: what a job
 * took before the daemon was restarted is not counted. An estimate, therefore, and rather a low one.
 */
export function createEnergyMeter(state: () => State): EnergyMeter {
  const joules = new Map<number, number>();
  const before = new Map<string, { readonly atMs: number; readonly watts: number }>();
  const charge = (uuid: string, energy: number): void => {
    const leases = [...(state().gpus.get(uuid)?.leases ?? [])].filter(({ mode }) => mode !== "residue");
    const heldBytes = leases.reduce((sum, { vramBytes }) => sum + vramBytes, 0);
    for (const { worker, mode, vramBytes } of leases) {
      const share = mode === "exclusive" ? 1 : vramBytes / Math.max(1, heldBytes);
      const jobs = runningOn(worker);
      for (const id of jobs) joules.set(id, (joules.get(id) ?? 0) + (energy * share) / jobs.length);
    }
  };
  return {
    note({ atMs, gpus }) {
      for (const { reading } of gpus) {
        const { uuid, powerWatts: watts } = reading;
        const last = before.get(uuid);
        before.delete(uuid);
        if (watts === null) continue;
        before.set(uuid, { atMs, watts });
        const gapMs = last === undefined ? 0 : atMs - last.atMs;
        if (last === undefined || gapMs <= 0 || gapMs > LONGEST_GAP_MS) continue;
        charge(uuid, (((watts + last.watts) / 2) * gapMs) / 1000);
      }
    },
    of: (jobId) => joules.get(jobId) ?? null,
    forget(ended) {
      for (const { job } of ended) joules.delete(job.id);
    },
  };
}

function runningOn(worker: Worker): number[] {
  return [...worker.jobs].filter(({ phase }) => phase.state === "running").map(({ id }) => id);
}
