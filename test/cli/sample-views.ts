import type { RuntimeDetail } from "../../src/protocol/learned-view.ts";
import type { LogLine } from "../../src/protocol/log-views.ts";
import type { GpuView, JobDetail, JobView, StatusView, WorkerView } from "../../src/protocol/views.ts";

/** A queued job, with what the test changes. */
export function jobView(changes: Partial<JobView> = {}): JobView {
  return {
    id: 42,
    runtime: "sdxl",
    state: "queued",
    reason: { code: "resources", text: "waits for 10 GiB on GPU 0" },
    exitCode: null,
    worker: null,
    gpus: [],
    attempts: 0,
    priority: 0,
    progress: null,
    summary: "a fox",
    label: null,
    labels: {},
    correlation: "0123abcd-1",
    array: null,
    user: "ada",
    submittedAt: "2026-01-02T00:00:00Z",
    startedAt: null,
    finishedAt: null,
    artifacts: [],
    ...changes,
  };
}

export function finishedJob(changes: Partial<JobView> = {}): JobView {
  return jobView({
    state: "succeeded",
    reason: null,
    exitCode: 0,
    startedAt: "2026-01-02T00:01:00Z",
    finishedAt: "2026-01-02T00:02:30Z",
    ...changes,
  });
}

export function jobDetail(changes: Partial<JobDetail> = {}): JobDetail {
  return {
    ...jobView(),
    lane: "sdxl",
    params: { prompt: "a fox" },
    command: null,
    terminal: false,
    output: null,
    after: [],
    schedule: null,
    begin: null,
    deadline: null,
    preemptible: false,
    preemptions: 0,
    retries: 0,
    timeLimitMs: null,
    webhook: null,
    logPath: "/state/jobs/42/log",
    outputDir: "/state/jobs/42/out",
    history: [],
    life: [],
    timeline: [],
    ...changes,
  };
}

export function gpuView(changes: Partial<GpuView> = {}): GpuView {
  return {
    index: 0,
    uuid: "GPU-0a1b2c3d-0000-0000-0000-000000000000",
    vendor: "nvidia",
    parent: null,
    name: "Virtual GPU",
    healthy: true,
    quarantine: null,
    detail: null,
    memory: {
      totalBytes: 24 * 2 ** 30,
      usedBytes: 2 ** 30,
      freeBytes: 23 * 2 ** 30,
      reservedBytes: 0,
      foreignBytes: 2 ** 30,
    },
    utilizationPercent: 12.4,
    temperatureCelsius: null,
    powerWatts: null,
    numaNode: null,
    nvlinkPeers: [],
    leases: [],
    processes: [
      {
        pid: 7,
        name: "blender",
        user: "ada",
        startedAt: "2026-01-02T00:00:00Z",
        vramBytes: 2 ** 30,
        worker: null,
        unknown: null,
      },
    ],
    ...changes,
  };
}

export function workerView(changes: Partial<WorkerView> = {}): WorkerView {
  return {
    id: 1,
    name: "sdxl-1",
    runtime: "sdxl",
    lane: "sdxl",
    state: "ready",
    detail: "",
    gpus: ["GPU-0a1b2c3d-0000-0000-0000-000000000000"],
    mode: "exclusive",
    vramBytes: null,
    fence: 3,
    pinned: false,
    pid: 100,
    jobs: [],
    requests: 0,
    startedAt: "2026-01-02T00:00:00Z",
    readyAt: null,
    slots: 1,
    since: "2026-01-02T03:04:05.000Z",
    keptUntil: null,
    ...changes,
  };
}

export function statusView(changes: Partial<StatusView> = {}): StatusView {
  return {
    pid: 99,
    version: "0.1.0",
    instance: "test",
    startedAt: "2026-01-02T00:00:00Z",
    uptimeMs: 65_000,
    probe: "virtual",
    longestStallMs: 3,
    walBytes: 4_096,
    logs: {
      liveBytes: 5 * 2 ** 20,
      totalBytes: 2 ** 30,
      measuredAt: "2026-01-02T00:00:00Z",
      limitBytes: null,
    },
    gpus: [gpuView()],
    workers: [workerView()],
    jobs: { held: 0, queued: 2, starting: 0, running: 1, succeeded: 5, failed: 0, cancelled: 0 },
    paths: {},
    ...changes,
  };
}

const plain = { required: false, help: "", load: false, accept: [] };

/** A runtime with a parameter of every type, one of which (`wait`) has the name of a flag of submit. */
export const sdxl: RuntimeDetail = {
  name: "sdxl",
  summary: "Text to image",
  origin: "shipped",
  dir: "/opt/runtimes/sdxl",
  engine: "process",
  protocol: "orch",
  gpu: { count: 1, vramBytes: 12 * 2 ** 30, mode: "exclusive", vendor: null, mps: null },
  slots: 1,
  replicas: { min: 0, max: 1 },
  keepAliveMs: 600_000,
  timeouts: { readyMs: 600_000, jobMs: null, stopMs: 20_000 },
  params: [
    { ...plain, name: "prompt", type: "string", required: true, help: "what to draw" },
    { ...plain, name: "width", type: "integer", default: 1024, min: 256, max: 2048, multipleOf: 8 },
    { ...plain, name: "guidanceScale", type: "number" },
    { ...plain, name: "hires_fix", type: "boolean", default: true },
    { ...plain, name: "image", type: "file", accept: ["image/png"] },
    { ...plain, name: "sampler", type: "string", choices: ["euler", "ddim"] },
    { ...plain, name: "wait", type: "integer", help: "seconds" },
  ],
  outputs: ["image/png"],
  switchMs: null,
  problem: null,
  lanes: [],
  groups: [],
};

/** A piece of the log of job 42. */
export function logLine(text: string, more: Partial<LogLine> = {}): LogLine {
  return {
    text,
    at: null,
    source: "job",
    job: 42,
    attempt: 1,
    worker: "run-1",
    correlation: "0123abcd-42",
    cursor: "42.1@0",
    ...more,
  };
}
