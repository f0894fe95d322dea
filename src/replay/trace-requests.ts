import type { NewJob, SeenGpu } from "../scheduler/events.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import type { TraceJob } from "./trace.ts";

/** The host that a trace is replayed on. */
export interface ReplayHost {
  readonly gpus: number;
  /** Memory of each GPU. */
  readonly gpuBytes: number;
  /** Models that fit on a GPU at once: 1 = each takes a whole GPU, more = each takes a share of that size. */
  readonly residents: number;
  /** Workers a model may have. */
  readonly replicas: number;
  /** From the grant of a GPU until the model is ready. */
  readonly switchMs: number;
  /** From the order to stop until the GPU is free. */
  readonly stopMs: number;
}

/** Longer than any trace: a model stays until another one needs its room. No time at all would pin it. */
const FOR_EVER_MS = 2 ** 52;

/** The GPUs of the host as a driver without other users shows them. */
export function gpusOf(host: ReplayHost): SeenGpu[] {
  return Array.from({ length: host.gpus }, (_, index) => ({
    uuid: `GPU-${index}`,
    index,
    totalBytes: host.gpuBytes,
    foreignBytes: 0,
    healthy: true,
  }));
}

/**
 * The lane of a job: its model, and the lease where the trace asks for another than usual. A job without a GPU is a
 * command: it has a program of its own and nothing is switched for it.
 */
export function laneOf(job: TraceJob, host: ReplayHost): LaneSpec {
  const shared = host.residents > 1 ? Math.floor(host.gpuBytes / host.residents) : null;
  const vramBytes = job.gpus === 0 ? null : (job.vramBytes ?? shared);
  return {
    key: `${job.model}\n${job.gpus}\n${vramBytes ?? ""}`,
    runtime: job.model,
    load: "{}",
    title: job.model,
    residency: job.gpus === 0 ? "one-shot" : "resident",
    gpuCount: job.gpus,
    mode: vramBytes === null ? "exclusive" : "shared",
    vramBytes,
    cpuCores: 0,
    ramBytes: 0,
    slots: 1,
    minReplicas: 0,
    maxReplicas: host.replicas,
    keepAliveMs: FOR_EVER_MS,
    minResidencyMs: 0,
    stopTimeoutMs: host.stopMs,
    sleep: null,
    needsPreparation: null,
    gpuVendor: null,
  };
}

/** The job as it is submitted. */
export function requestOf(job: TraceJob, lane: LaneSpec): NewJob {
  return {
    lane,
    payload: {
      params: {},
      command: null,
      cwd: null,
      env: null,
      summary: job.model,
      label: null,
      uid: 0,
      user: job.user,
      retryOf: null,
      arrayIndex: null,
    },
    priority: job.priority,
    retries: 0,
    retryDelayMs: 1_000,
    timeLimitMs: null,
    accounts: [`user:${job.user}`],
    preemptible: false,
    estimateKey: null,
    hold: false,
    notBeforeMs: null,
    deadlineMs: null,
    after: [],
  };
}
