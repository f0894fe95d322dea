import { must } from "../std/assert.ts";
import { type Spread, spreadOf } from "../std/percentile.ts";
import type { Replay } from "./replay.ts";
import type { Trace, TraceJob } from "./trace.ts";
import type { ReplayHost } from "./trace-requests.ts";

/** Waits are from arrival to the start of the run, in seconds; percentiles by nearest rank. */
export interface ModelReport {
  readonly model: string;
  readonly jobs: number;
  /** Times that it was made resident. */
  readonly switches: number;
  readonly waitS: Spread;
}

export interface PolicyReport {
  readonly policy: string;
  readonly summary: string;
  readonly jobs: number;
  /** Starts of workers: how often a model was made resident, the first time included. */
  readonly switches: number;
  readonly waitS: Spread;
  /** From the first arrival to the end of the last job. */
  readonly makespanS: number;
  /** Share of all GPU time within the makespan in which at least one job ran on the GPU. */
  readonly gpuBusyShare: number;
  /** The same for workers that start or stop: with several residents it may be while others run. */
  readonly switchShare: number;
  /** Most jobs first. */
  readonly models: readonly ModelReport[];
}

/** The `--json` document of `orch sim`. */
export interface SimReport {
  readonly trace: {
    readonly name: string;
    readonly jobs: number;
    readonly models: number;
    readonly users: number;
    /** From the first arrival to the last. */
    readonly spanS: number;
    /** All run times together. */
    readonly workS: number;
    /** Lines that stood after one that arrived later, and were sorted. */
    readonly outOfOrder: number;
  };
  readonly host: {
    readonly gpus: number;
    readonly gpuBytes: number;
    readonly residents: number;
    readonly replicas: number;
    readonly switchS: number;
    readonly stopS: number;
  };
  readonly policies: readonly PolicyReport[];
}

/** What the trace and the host are, for the report. */
export function describeSetup(
  name: string,
  { jobs, outOfOrder }: Trace,
  host: ReplayHost,
): Pick<SimReport, "trace" | "host"> {
  const { gpus, gpuBytes, residents, replicas, switchMs, stopMs } = host;
  return {
    trace: {
      name,
      jobs: jobs.length,
      models: new Set(jobs.map((job) => job.model)).size,
      users: new Set(jobs.map((job) => job.user)).size,
      spanS: ((jobs.at(-1)?.arrivalMs ?? 0) - (jobs[0]?.arrivalMs ?? 0)) / 1000,
      workS: jobs.reduce((sum, job) => sum + job.runMs, 0) / 1000,
      outOfOrder,
    },
    host: { gpus, gpuBytes, residents, replicas, switchS: switchMs / 1000, stopS: stopMs / 1000 },
  };
}

/** The figures of one policy's replay. */
export function reportOf(
  policy: string,
  summary: string,
  jobs: readonly TraceJob[],
  gpus: number,
  replay: Replay,
): PolicyReport {
  const makespanMs = replay.endMs - replay.startMs;
  const gpuMs = Math.max(1, makespanMs * gpus);
  return {
    policy,
    summary,
    jobs: jobs.length,
    switches: replay.residencies.length,
    waitS: waitSpread(replay.waitsMs),
    makespanS: makespanMs / 1000,
    gpuBusyShare: replay.busyMs / gpuMs,
    switchShare: replay.switchingMs / gpuMs,
    models: modelReports(jobs, replay),
  };
}

function waitSpread(waitsMs: Iterable<number>): Spread {
  return must(spreadOf(Array.from(waitsMs, (waitMs) => waitMs / 1000)), "a report is of at least one job");
}

function modelReports(jobs: readonly TraceJob[], replay: Replay): ModelReport[] {
  const waits = new Map<string, number[]>();
  for (const [index, { model }] of jobs.entries()) {
    const list = waits.get(model) ?? [];
    list.push(must(replay.waitsMs[index], "every job waited"));
    waits.set(model, list);
  }
  const switches = new Map<string, number>();
  for (const { model } of replay.residencies) switches.set(model, (switches.get(model) ?? 0) + 1);
  const reports = [...waits].map(([model, waitsMs]) => ({
    model,
    jobs: waitsMs.length,
    switches: switches.get(model) ?? 0,
    waitS: waitSpread(waitsMs),
  }));
  return reports.sort((left, right) => right.jobs - left.jobs || (left.model < right.model ? -1 : 1));
}
