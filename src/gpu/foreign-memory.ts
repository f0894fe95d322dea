import type { GpuReading } from "./probe.ts";
import { isStranger, type SampledProcess } from "./sample.ts";

export interface ForeignQuestion {
  readonly reading: GpuReading;
  /** Null where the driver does not tell. */
  readonly processes: readonly SampledProcess[] | null;
  /** Whether a worker of ours holds a lease on this GPU. */
  readonly hasWorker: boolean;
}

/**
 * How many bytes of a GPU are held by programs that are not ours.
 *
 * Where the driver tells each program's memory, it is the sum over those that are not ours. Where it does not
 * (WSL, containers, a list without entries), all that is used counts as foreign, unless a worker of ours is on
 * the GPU: then what is used may be all ours, and only what is known to be foreign counts.
 */
export function countForeignBytes({ reading, processes, hasWorker }: ForeignQuestion): number {
  const foreign = (processes ?? []).filter(isStranger);
  const knownBytes = foreign.reduce((sum, process) => sum + (process.vramBytes ?? 0), 0);
  const oursIsThere = hasWorker || foreign.length < (processes ?? []).length;
  const isTold =
    processes !== null && processes.length > 0 && processes.every(({ vramBytes }) => vramBytes !== null);
  return isTold || oursIsThere ? knownBytes : Math.max(knownBytes, reading.memory.usedBytes);
}
