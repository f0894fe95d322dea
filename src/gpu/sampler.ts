import type { Clock } from "../std/clock.ts";
import { toFailure } from "../std/failure.ts";
import { countForeignBytes } from "./foreign-memory.ts";
import { type MemoryWait, type MemoryWaitOptions, waitForFree } from "./memory-wait.ts";
import type { GpuProbe, GpuReading } from "./probe.ts";
import { ProcessLists } from "./process-lists.ts";
import { type GpuSample, isMaterialChange, markUnhealthy, type SampledGpu } from "./sample.ts";

export interface SamplerOptions {
  readonly probe: GpuProbe;
  readonly clock: Clock;
  /** Between two readings. Default: 1 s; nvidia-smi is never asked more often than every 5 s. */
  readonly intervalMs?: number;
  /** Called when something changed that placement depends on (see `isMaterialChange`), the first reading included. */
  readonly onChange: (sample: GpuSample) => void;
  /** The worker of ours whose program `pid` is, or null. */
  readonly isOurs: (pid: number) => number | null;
  /** Whether a worker of ours holds a lease on the GPU: decides when the driver does not tell whose memory it is. */
  readonly hasWorker: (uuid: string) => boolean;
}

export interface Sampler {
  /** Starts reading at the interval; resolves with the first sample. */
  start(): Promise<GpuSample>;
  /** Stops; resolves when no reading is under way. The probe stays open. */
  stop(): Promise<void>;
  latest(): GpuSample;
  /**
   * Reads now; the reading began after this call. Never rejects for trouble of the driver: the sample is then
   * `stale`. With `processes` the programs are listed anew too.
   */
  sampleNow(options?: { readonly processes?: boolean }): Promise<GpuSample>;
  /** Waits until the driver reports that much free memory (bytes by UUID) on all the GPUs named. */
  waitForFree(needs: ReadonlyMap<string, number>, options: MemoryWaitOptions): Promise<MemoryWait>;
}

/** After so many failures in a row every GPU counts as unhealthy: nobody knows any more what is on them. */
const failuresUntilUnhealthy = 3;

/** nvidia-smi takes up to seconds on a host with many boards; NVML takes microseconds or hangs. */
const pace: Record<GpuProbe["kind"], { readonly deadlineMs: number; readonly minIntervalMs: number }> = {
  nvml: { deadlineMs: 2000, minIntervalMs: 0 },
  "nvidia-smi": { deadlineMs: 10_000, minIntervalMs: 5000 },
  virtual: { deadlineMs: 2000, minIntervalMs: 0 },
  none: { deadlineMs: 2000, minIntervalMs: 0 },
};

/** Makes a sampler; `start` begins the reading. One reading is under way at a time. */
export function createSampler(options: SamplerOptions): Sampler {
  return new ProbeSampler(options);
}

class ProbeSampler implements Sampler {
  private readonly options: SamplerOptions;
  private readonly intervalMs: number;
  private readonly lists: ProcessLists;
  private sample: GpuSample = {
    atMs: 0,
    gpus: [],
    stale: { reason: "the GPUs have not been read yet", failures: 0 },
  };
  private reported: GpuSample | null = null;
  private running = false;
  private timer: NodeJS.Timeout | undefined;
  /** Ends when the last reading asked for has ended. */
  private tail: Promise<unknown> = Promise.resolve();
  /** The reading that has been asked for and has not begun: whoever asks now may share it. */
  private queued: { readonly sample: Promise<GpuSample>; processes: boolean } | null = null;

  constructor(options: SamplerOptions) {
    this.options = options;
    const { deadlineMs, minIntervalMs } = pace[options.probe.kind];
    this.intervalMs = Math.max(minIntervalMs, options.intervalMs ?? 1000);
    const { probe, clock } = options;
    this.lists = new ProcessLists({ probe, clock, minIntervalMs: this.intervalMs, deadlineMs });
  }

  start(): Promise<GpuSample> {
    this.running = true;
    return this.tick();
  }

  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
    await this.tail;
  }

  latest(): GpuSample {
    return this.sample;
  }

  sampleNow({ processes = false }: { readonly processes?: boolean } = {}): Promise<GpuSample> {
    if (this.queued) {
      this.queued.processes ||= processes;
      return this.queued.sample;
    }
    const sample = this.tail.then(() => {
      const onDemand = this.queued?.processes ?? false;
      this.queued = null;
      return this.takeSample(onDemand);
    });
    this.queued = { sample, processes };
    // A bug in onChange rejects for those who asked; the readings behind it in the line go on.
    this.tail = sample.catch(() => {});
    return sample;
  }

  waitForFree(needs: ReadonlyMap<string, number>, options: MemoryWaitOptions): Promise<MemoryWait> {
    const { clock, isOurs } = this.options;
    return waitForFree({ sampleNow: (what) => this.sampleNow(what), clock, isOurs }, needs, options);
  }

  private async tick(): Promise<GpuSample> {
    const sample = await this.sampleNow();
    if (this.running) this.timer = setTimeout(() => void this.tick(), this.intervalMs);
    return sample;
  }

  private async takeSample(listProcesses: boolean): Promise<GpuSample> {
    this.sample = await this.read(listProcesses);
    const { stale } = this.sample;
    const isWorthTelling = stale === null || stale.failures >= failuresUntilUnhealthy;
    if (isWorthTelling && (this.reported === null || isMaterialChange(this.reported, this.sample))) {
      this.reported = this.sample;
      this.options.onChange(this.sample);
    }
    return this.sample;
  }

  private async read(listProcesses: boolean): Promise<GpuSample> {
    const { probe, clock } = this.options;
    try {
      const readings = await probe.read(pace[probe.kind].deadlineMs);
      await this.lists.refresh(readings, listProcesses);
      return { atMs: clock.nowMs(), gpus: readings.map((reading) => this.judge(reading)), stale: null };
    } catch (error) {
      return toStale(this.sample, toFailure(error).sentence);
    }
  }

  private judge(reading: GpuReading): SampledGpu {
    const processes = this.lists.of(reading.uuid);
    const isOurs = (pid: number): boolean => this.options.isOurs(pid) !== null;
    const hasWorker = this.options.hasWorker(reading.uuid);
    return { reading, processes, foreignBytes: countForeignBytes({ reading, processes, isOurs, hasWorker }) };
  }
}

/** The last readings once more, marked as old; unusable after the third failure. */
function toStale(last: GpuSample, reason: string): GpuSample {
  const failures = (last.stale?.failures ?? 0) + 1;
  const gpus = failures >= failuresUntilUnhealthy ? markUnhealthy(last.gpus, reason) : last.gpus;
  return { atMs: last.atMs, gpus, stale: { reason, failures } };
}
