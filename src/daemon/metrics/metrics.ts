import fs from "node:fs";
import type { RequestMeter } from "../../gateway/port.ts";
import type { GpuSample } from "../../gpu/sample.ts";
import type { LogSizes } from "../../operations/context.ts";
import type { State } from "../../scheduler/model.ts";
import type { Changes } from "../../scheduler/transition.ts";
import type { Clock } from "../../std/clock.ts";
import { type Family, type MetricFormat, writeMetrics } from "../../std/metric-families.ts";
import { packageVersion } from "../../std/package-version.ts";
import type { LoopWatch } from "../loop-watch.ts";
import { JobCounter } from "./count-jobs.ts";
import { createRequestMeter } from "./count-requests.ts";
import { WorkerCounter } from "./count-workers.ts";
import type { JobMapping } from "./job-mapping.ts";
import { boundedLabel } from "./label-values.ts";
import { clearGauges, type Meters } from "./meters.ts";
import { readDcgm } from "./read-dcgm.ts";
import { createGpuEnergy, readGpus } from "./read-gpus.ts";
import { readLanes } from "./read-lanes.ts";

/** What the daemon says of itself in numbers. Counters begin at zero with the daemon. */
export interface Metrics {
  /** Counts what a committed step changed. */
  note(changes: Changes): void;
  noteSample(sample: GpuSample): void;
  /** The state was rebuilt from the database, where no requests are. */
  forgetRequests(): void;
  /** Counts what is asked over TCP. */
  readonly requests: RequestMeter;
  /** All of it as text. */
  text(format: MetricFormat): string;
  /** Nothing is kept up to date any more. */
  stop(): Promise<void>;
}

interface Parts {
  /** Already in use for what is timed. */
  readonly meters: Meters;
  readonly state: () => State;
  readonly latestSample: () => GpuSample;
  readonly clock: Clock;
  readonly watch: Pick<LoopWatch, "listen">;
  readonly walBytes: () => number;
  readonly logSizes: () => LogSizes;
  readonly countKeys: () => number;
  readonly stateDir: string;
  /** The GPUs by the names of dcgm-exporter, too. */
  readonly dcgm: boolean;
  readonly mapping: JobMapping;
}

/** Runtimes beyond that share the name "other". */
const MOST_RUNTIMES = 200;

/** Begins to count. What runs already is known from the state. */
export function createMetrics(parts: Parts): Metrics {
  const { meters, state, clock } = parts;
  const labelOf = boundedLabel(MOST_RUNTIMES);
  const jobs = new JobCounter(meters, state, labelOf);
  const workers = new WorkerCounter(meters, state, labelOf);
  const requests = createRequestMeter(meters);
  const energy = createGpuEnergy(meters);
  const startedAtMs = clock.nowMs();
  let scrapeMs = 0;
  parts.watch.listen((lateMs) => meters.loopDelay.observe(lateMs / 1_000));
  return {
    note(changes) {
      jobs.note(changes);
      workers.note(changes);
      parts.mapping.note(changes);
    },
    noteSample(sample) {
      energy.note(sample);
      parts.mapping.noteSample();
      workers.noteMemory(sample.workerBytes);
    },
    forgetRequests: () => jobs.forgetRequests(),
    requests,
    stop: () => parts.mapping.stop(),
    text(format) {
      const atMs = clock.monotonicMs();
      const nowMs = clock.nowMs();
      const sample = parts.latestSample();
      clearGauges(meters);
      readLanes(meters, state(), { nowMs, labelOf });
      for (const [of, count] of Object.entries(jobs.requests())) meters.requestsOpen.set(count, of);
      readGpus(meters, state(), sample, nowMs);
      readDaemon(meters, parts);
      meters.started.set(startedAtMs / 1_000);
      meters.inFlight.set(requests.inFlight());
      meters.scrape.set(scrapeMs / 1_000);
      const dcgm = parts.dcgm ? readDcgm(sample, meters) : [];
      const text = writeMetrics([...Object.values<Family>(meters), ...dcgm], format);
      scrapeMs = clock.monotonicMs() - atMs;
      return text;
    },
  };
}

function readDaemon(meters: Meters, parts: Parts): void {
  const { user, system } = process.cpuUsage();
  meters.build.set(1, packageVersion(), process.versions.node);
  meters.cpu.set((user + system) / 1e6);
  meters.memory.set(process.memoryUsage.rss());
  meters.wal.set(parts.walBytes());
  meters.apiKeys.set(parts.countKeys());
  const logs = parts.logSizes().measured;
  if (logs !== null) meters.logBytes.set(logs.bytes);
  readDisk(meters, parts.stateDir);
}

function readDisk({ diskFree, diskSize }: Meters, dir: string): void {
  try {
    const { bavail, blocks, bsize } = fs.statfsSync(dir);
    diskFree.set(bavail * bsize);
    diskSize.set(blocks * bsize);
  } catch {
    // All else is worth telling even where the disk does not answer.
  }
}
