import type { Clock } from "../std/clock.ts";
import type { GpuProbe, GpuProcess, GpuReading } from "./probe.ts";
import { materialBytes } from "./sample.ts";

export interface ProcessListsOptions {
  readonly probe: GpuProbe;
  readonly clock: Clock;
  /** The driver is asked at most this often, save on demand. */
  readonly minIntervalMs: number;
  readonly deadlineMs: number;
}

/**
 * Keeps the programs on each GPU. The driver takes milliseconds for the list and stalls other programs meanwhile,
 * so it is asked only when the memory in use of a GPU has moved since it was last asked.
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
  async refresh(readings: readonly GpuReading[], onDemand: boolean): Promise<void> {
    const { probe, clock, minIntervalMs, deadlineMs } = this.options;
    const healthy = readings.filter((reading) => reading.health.ok);
    const isDue = clock.monotonicMs() - this.askedAtMs >= minIntervalMs;
    if (healthy.length === 0 || !(onDemand || (isDue && healthy.some((reading) => this.hasMoved(reading)))))
      return;
    this.askedAtMs = clock.monotonicMs();
    try {
      this.lists = await probe.processes(deadlineMs);
      this.usedBytesAtList = new Map(healthy.map(({ uuid, memory }) => [uuid, memory.usedBytes]));
    } catch {
      // The next reading fails too when the driver is in trouble, and says so; a list alone is no reason to.
    }
  }

  private hasMoved({ uuid, memory }: GpuReading): boolean {
    const listed = this.usedBytesAtList.get(uuid);
    return listed === undefined || Math.abs(memory.usedBytes - listed) > materialBytes;
  }
}
