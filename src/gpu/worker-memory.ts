import type { GpuReading } from "./probe.ts";
import { isStranger, type SampledProcess } from "./sample.ts";

/** A GPU with the workers of ours that hold a lease on it. */
export interface LeasedGpu {
  readonly reading: GpuReading;
  readonly processes: readonly SampledProcess[] | null;
  readonly workerIds: readonly number[];
}

/** A GPU without any worker's memory. */
interface Baseline {
  readonly usedBytes: number;
  /** The strangers that were there, as one string. */
  readonly strangers: string;
}

/**
 * Measures what each worker holds on each GPU.
 *
 * Where the driver tells each program's memory, it is the sum over the worker's programs. Where it does not (WSL,
 * containers), it is what is used beyond what was used without workers; but only for a worker that is alone on its
 * GPU, with the same strangers as then. Otherwise it is unknown. Strangers that the driver does not even list
 * cannot be told apart: what they take later counts as the worker's, which errs to the safe side.
 */
export class WorkerMemory {
  private readonly baselines = new Map<string, Baseline>();

  /** Bytes by worker id and GPU UUID; no entry = unknown. To be told every reading, since it keeps the baselines. */
  measure(gpus: readonly LeasedGpu[]): ReadonlyMap<number, ReadonlyMap<string, number>> {
    const byWorker = new Map<number, Map<string, number>>();
    for (const gpu of gpus) {
      if (!gpu.reading.health.ok) continue;
      this.noteBaseline(gpu);
      for (const [workerId, bytes] of this.measureGpu(gpu)) {
        const byGpu = byWorker.get(workerId) ?? new Map<string, number>();
        byWorker.set(workerId, byGpu.set(gpu.reading.uuid, bytes));
      }
    }
    return byWorker;
  }

  /** A lease may end before the driver has freed the memory, so the baseline falls with what is used later. */
  private noteBaseline({ reading, processes, workerIds }: LeasedGpu): void {
    const { usedBytes } = reading.memory;
    const baseline = this.baselines.get(reading.uuid);
    if (workerIds.length > 0 && (baseline === undefined || usedBytes >= baseline.usedBytes)) return;
    this.baselines.set(reading.uuid, { usedBytes, strangers: listStrangers(processes) });
  }

  private measureGpu(gpu: LeasedGpu): ReadonlyMap<number, number> {
    const bytes = sumByWorker(gpu.processes ?? []);
    const [only, ...others] = gpu.workerIds;
    if (only === undefined || others.length > 0 || bytes.has(only) || isToldInFull(gpu.processes))
      return bytes;
    const beyond = this.usedBeyondBaseline(gpu);
    return beyond === null ? bytes : new Map([...bytes, [only, beyond]]);
  }

  private usedBeyondBaseline({ reading, processes }: LeasedGpu): number | null {
    const baseline = this.baselines.get(reading.uuid);
    if (baseline === undefined || baseline.strangers !== listStrangers(processes)) return null;
    return Math.max(0, reading.memory.usedBytes - baseline.usedBytes);
  }
}

/** The sum over each worker's programs; a worker with one whose memory is not told is left out. */
function sumByWorker(processes: readonly SampledProcess[]): Map<number, number> {
  const sums = new Map<number, number>();
  for (const { workerId, vramBytes } of processes) {
    if (workerId !== null) sums.set(workerId, (sums.get(workerId) ?? 0) + (vramBytes ?? Number.NaN));
  }
  for (const [workerId, bytes] of sums) if (Number.isNaN(bytes)) sums.delete(workerId);
  return sums;
}

/** An empty list may be a driver that shows no programs, so it does not count as told. */
function isToldInFull(processes: readonly SampledProcess[] | null): boolean {
  return processes !== null && processes.length > 0 && processes.every(({ vramBytes }) => vramBytes !== null);
}

function listStrangers(processes: readonly SampledProcess[] | null): string {
  const strangers = (processes ?? []).filter(isStranger);
  return strangers
    .map(({ pid }) => pid)
    .sort((left, right) => left - right)
    .join();
}
