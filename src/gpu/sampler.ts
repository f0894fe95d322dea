import type { Clock } from "../std/clock.ts";
import { toFailure } from "../std/failure.ts";
import { countForeignBytes } from "./foreign-memory.ts";
import { type MemoryWait, type MemoryWaitOptions, waitForFree } from "./memory-wait.ts";
import type { GpuProbe, GpuProcess, GpuReading } from "./probe.ts";
import { ProcessLists } from "./process-lists.ts";
import {
  type GpuSample,
  isMaterialChange,
  markUnhealthy,
  type SampledGpu,
  type SampledProcess,
} from "./sample.ts";
import { WorkerMemory } from "./worker-memory.ts";

export interface SamplerOptions {
  readonly probe: GpuProbe;
  readonly clock: Clock;
  /** Between two readings. Default: 1 s; nvidia-smi is never asked more often than every 5 s. */
  readonly intervalMs?: number;
  /** Called when something changed that placement depends on (see `isMaterialChange`), the first reading included. */
  readonly onChange: (sample: GpuSample) => void;
  /** Called with every reading that the driver has answered. */
  readonly onSample?: (sample: GpuSample) => void;
  /** The worker of ours whose program `pid` is, or null. */
  readonly isOurs: (pid: number) => number | null;
  /** Whether a program helps our workers to share, so that what it holds is nobody's but not a stranger's either. */
  readonly isHelp?: (pid: number) => boolean;
  /** The ids of the workers of ours that hold a lease on the GPU: decides where the driver does not tell whose memory it is. */
  readonly workersOn: (uuid: string) => readonly number[];
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

interface Pace {
  readonly deadlineMs: number;
  readonly minIntervalMs: number;
  /** How often programs are listed while workers run and nothing seems to move. */
  readonly relistMs: number;
}

/** nvidia-smi takes up to seconds on a host with many boards; NVML takes microseconds or hangs. */
const pace: Record<GpuProbe["kind"], Pace> = {
  nvml: { deadlineMs: 2000, minIntervalMs: 0, relistMs: 10_000 },
  "nvidia-smi": { deadlineMs: 10_000, minIntervalMs: 5000, relistMs: 30_000 },
  amd: { deadlineMs: 2000, minIntervalMs: 0, relistMs: 10_000 },
  virtual: { deadlineMs: 2000, minIntervalMs: 0, relistMs: 10_000 },
  none: { deadlineMs: 2000, minIntervalMs: 0, relistMs: 10_000 },
};

/** Makes a sampler; `start` begins the reading. One reading is under way at a time. */
export function createSampler(options: SamplerOptions): Sampler {
  return new ProbeSampler(options);
}

class ProbeSampler implements Sampler {
  private readonly options: SamplerOptions;
  private readonly intervalMs: number;
  private readonly lists: ProcessLists;
  private readonly workerMemory = new WorkerMemory();
  private sample: GpuSample = {
    atMs: 0,
    gpus: [],
    workerBytes: new Map(),
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
    const { deadlineMs, minIntervalMs, relistMs } = pace[options.probe.kind];
    this.intervalMs = Math.max(minIntervalMs, options.intervalMs ?? 1000);
    const { probe, clock } = options;
    const intervals = { minIntervalMs: this.intervalMs, maxIntervalMs: relistMs };
    this.lists = new ProcessLists({ probe, clock, deadlineMs, ...intervals });
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
    const { clock } = this.options;
    return waitForFree({ sampleNow: (what) => this.sampleNow(what), clock }, needs, options);
  }

  private async tick(): Promise<GpuSample> {
    const sample = await this.sampleNow();
    if (this.running) this.timer = setTimeout(() => void this.tick(), this.intervalMs);
    return sample;
  }

  private async takeSample(listProcesses: boolean): Promise<GpuSample> {
    this.sample = await this.read(listProcesses);
    const { stale } = this.sample;
    if (stale === null) this.options.onSample?.(this.sample);
    const isWorthTelling = stale === null || stale.failures >= failuresUntilUnhealthy;
    if (isWorthTelling && (this.reported === null || isMaterialChange(this.reported, this.sample))) {
      this.reported = this.sample;
      this.options.onChange(this.sample);
    }
    return this.sample;
  }

  private async read(onDemand: boolean): Promise<GpuSample> {
    const { probe, clock, workersOn } = this.options;
    try {
      const readings = await probe.read(pace[probe.kind].deadlineMs);
      const hasWorkers = readings.some(({ uuid }) => workersOn(uuid).length > 0);
      await this.lists.refresh(readings, { onDemand: onDemand || this.hasLostOwners(), hasWorkers });
      const gpus = readings.map((reading) => this.judge(reading));
      return { atMs: clock.nowMs(), gpus, workerBytes: this.measureWorkers(gpus), stale: null };
    } catch (error) {
      return toStale(this.sample, toFailure(error).sentence);
    }
  }

  /**
   * Whether a program that was a worker's is nobody's any more. It has probably ended, and another that holds as much may
   * have taken its place, so that nothing seems to have moved: by the old list a stranger holds what the new one has.
   */
  private hasLostOwners(): boolean {
    const listed = this.sample.gpus.flatMap(({ processes }) => processes ?? []);
    return listed.some(({ pid, workerId }) => workerId !== null && this.options.isOurs(pid) === null);
  }

  private judge(reading: GpuReading): SampledGpu {
    const { isOurs, isHelp = () => false } = this.options;
    const whose = (process: GpuProcess): SampledProcess => {
      const workerId = isOurs(process.pid);
      return { ...process, workerId, ...(workerId === null && isHelp(process.pid) ? { isHelp: true } : {}) };
    };
    const listed = this.lists.of(reading.uuid);
    const processes = listed?.map(whose) ?? null;
    const hasWorker = this.options.workersOn(reading.uuid).length > 0;
    return { reading, processes, foreignBytes: countForeignBytes({ reading, processes, hasWorker }) };
  }

  private measureWorkers(gpus: readonly SampledGpu[]): GpuSample["workerBytes"] {
    const { workersOn } = this.options;
    return this.workerMemory.measure(gpus.map((gpu) => ({ ...gpu, workerIds: workersOn(gpu.reading.uuid) })));
  }
}

/** The last readings once more, marked as old; unusable after the third failure. */
function toStale(last: GpuSample, reason: string): GpuSample {
  const failures = (last.stale?.failures ?? 0) + 1;
  const gpus = failures >= failuresUntilUnhealthy ? markUnhealthy(last.gpus, reason) : last.gpus;
  return { ...last, gpus, stale: { reason, failures } };
}
