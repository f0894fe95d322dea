import type { Clock } from "../std/clock.ts";
import type { GpuProbe, GpuProcess, GpuReading } from "./probe.ts";
import { materialBytes } from "./sample.ts";

export interface ProcessListsOptions {
  readonly probe: GpuProbe;
  readonly clock: Clock;
  /** The driver is asked at most this often, save on demand. */
  readonly minIntervalMs: number;
  /** While workers of ours are on GPUs it is asked at least this often. */
  readonly maxIntervalMs: number;
  readonly deadlineMs: number;
}

export interface ListsWanted {
  readonly onDemand: boolean;
  /** Whether workers of ours hold leases on any GPU. */
  readonly hasWorkers: boolean;
}

/**
 * Keeps the programs on each GPU. The driver takes milliseconds for the list and stalls other programs meanwhile,
 * so it is asked only when the memory in use of a GPU has moved since it was last asked. While workers are there it
 * is asked now and then all the same: one may grow by what another gives back.
 */
export class ProcessLists {
  private readonly options: ProcessListsOptions;
  private lists: ReadonlyMap<string, readonly GpuProcess[]> = new Map();
  private usedBytesAtList: ReadonlyMap<string, number> = new Map();
  private askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ProcessListsOptions) {
    this.options = options;
  }

  /** The programs on a GPU as last listed; null while the driver has not told. */
  of(uuid: string): readonly GpuProcess[] | null {
    return this.lists.get(uuid) ?? null;
  }

  /** Asks anew if need be, or when `onDemand`. A driver that refuses leaves the old lists, and is asked again. */
  async refresh(readings: readonly GpuReading[], want: ListsWanted): Promise<void> {
    const { probe, clock, deadlineMs } = this.options;
    const healthy = readings.filter((reading) => reading.health.ok);
    if (healthy.length === 0 || !(want.onDemand || this.isDue(healthy, want))) return;
    this.askedAtMs = clock.monotonicMs();
    try {
      this.lists = await probe.processes(deadlineMs);
      this.usedBytesAtList = new Map(healthy.map(({ uuid, memory }) => [uuid, memory.usedBytes]));
    } catch {
      // The next reading fails too when the driver is in trouble, and says so; a list alone is no reason to.
    }
  }

  private isDue(healthy: readonly GpuReading[], { hasWorkers }: ListsWanted): boolean {
    const { clock, minIntervalMs, maxIntervalMs } = this.options;
    const sinceMs = clock.monotonicMs() - this.askedAtMs;
    if (sinceMs < minIntervalMs) return false;
    return (hasWorkers && sinceMs >= maxIntervalMs) || healthy.some((reading) => this.hasMoved(reading));
  }

  private hasMoved({ uuid, memory }: GpuReading): boolean {
    const listed = this.usedBytesAtList.get(uuid);
    return listed === undefined || Math.abs(memory.usedBytes - listed) > materialBytes;
  }
}
