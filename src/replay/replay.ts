import type { Event, Reply } from "../scheduler/events.ts";
import { fastForward, type Observer } from "../scheduler/fast-forward.ts";
import type { Policy, Worker } from "../scheduler/model.ts";
import type { RefusalCode } from "../scheduler/refusal-code.ts";
import { createState } from "../scheduler/state.ts";
import { assert, must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import { createGpuUse } from "./gpu-use.ts";
import type { TraceJob } from "./trace.ts";
import { gpusOf, laneOf, type ReplayHost, requestOf } from "./trace-requests.ts";

/** One worker's time on its GPUs. */
export interface Residency {
  readonly model: string;
  readonly gpus: readonly number[];
  readonly isShared: boolean;
  readonly grantedMs: number;
  /** Null if it never was. */
  readonly readyMs: number | null;
  readonly stopMs: number | null;
  /** When its GPUs were free again, or the end of the replay. */
  readonly goneMs: number;
}

/** What came of a trace under one policy. Times are in the trace's own milliseconds. */
export interface Replay {
  readonly startMs: number;
  /** End of the last job. */
  readonly endMs: number;
  /** From arrival to the start of the run, in the order of the jobs. */
  readonly waitsMs: Float64Array;
  /** In order of the grants. */
  readonly residencies: readonly Residency[];
  /** GPU-milliseconds in which at least one job ran on the GPU, and in which at least one worker started or stopped. */
  readonly busyMs: number;
  readonly switchingMs: number;
}

interface OpenResidency {
  readonly worker: Worker;
  readonly grantedMs: number;
  readyMs: number | null;
  stopMs: number | null;
  goneMs: number | null;
}

/**
 * Replays a trace through the production scheduler in virtual time.
 * @param jobs by time of arrival; at least one
 * @throws Failure gpu/too-many, gpu/too-large for a job that the host could never run, with its line
 */
export function replay(jobs: readonly TraceJob[], host: ReplayHost, policy: Policy): Replay {
  const startMs = must(jobs[0], "a trace has jobs").arrivalMs;
  const recorder = createRecorder(jobs);
  const { nowMs } = fastForward({
    state: createState(policy),
    nowMs: startMs,
    events: eventsOf(jobs, host, startMs),
    durations: {
      startMs: (worker) => (worker.lane.spec.residency === "one-shot" ? 0 : host.switchMs),
      stopMs: () => host.stopMs,
      // No lane of a trace sleeps.
      sleepMs: () => 0,
      wakeMs: () => 0,
      runMs: (job) => jobOf(jobs, job.id).runMs,
    },
    observer: recorder.observer,
    isDone: recorder.isDone,
  });
  assert(recorder.isDone(), "the scheduler left jobs of the trace waiting for ever");
  return recorder.finish(startMs, nowMs);
}

/** Ids are given out in order of submission, from 1. */
function jobOf(jobs: readonly TraceJob[], id: number): TraceJob {
  return must(jobs[id - 1], `job ${id} is not of the trace`);
}

function* eventsOf(
  jobs: readonly TraceJob[],
  host: ReplayHost,
  startMs: number,
): Generator<Event, void, undefined> {
  yield { type: "gpus-seen", atMs: startMs, gpus: gpusOf(host) };
  for (const job of jobs) {
    yield { type: "submit", atMs: job.arrivalMs, jobs: [requestOf(job, laneOf(job, host))] };
  }
}

function createRecorder(jobs: readonly TraceJob[]) {
  const waitsMs = new Float64Array(jobs.length).fill(Number.NaN);
  const residencies = new Map<number, OpenResidency>();
  const runsOn = new Map<number, Worker>();
  const busy = createGpuUse();
  const switching = createGpuUse();
  let submitted = 0;
  let finished = 0;
  const observer: Required<Observer> = {
    onReply(_event, reply) {
      submitted += 1;
      if (!reply.ok) throw refusalOf(jobOf(jobs, submitted), reply);
      assert(reply.ids[0] === submitted, `job ${submitted} of the trace got another number`);
    },
    onStart(job, worker, atMs) {
      runsOn.set(job.id, worker);
      busy.begin(worker, atMs);
      // A job that is run again waited until its first run.
      if (Number.isNaN(waitsMs[job.id - 1])) waitsMs[job.id - 1] = atMs - jobOf(jobs, job.id).arrivalMs;
    },
    onEnd({ job, state, atMs }) {
      assert(state === "succeeded", `job ${job.id} of the trace ${state}`);
      busy.end(must(runsOn.get(job.id), `job ${job.id} ended and never ran`), atMs);
      runsOn.delete(job.id);
      finished += 1;
    },
    onWorker(worker, news, atMs) {
      // A command brings no model with it.
      if (worker.lane.spec.residency === "one-shot") return;
      const isMidStart = residencies.get(worker.id)?.readyMs === null;
      noteWorker(residencies, worker, news, atMs);
      if (news === "ready" || news === "gone") switching.end(worker, atMs);
      // One that is stopped before it is ready goes from the one cost into the other.
      else if (!isMidStart) switching.begin(worker, atMs);
    },
  };
  return {
    observer,
    isDone: (): boolean => finished === jobs.length,
    finish: (startMs: number, endMs: number): Replay => ({
      startMs,
      endMs,
      waitsMs,
      residencies: [...residencies.values()].map((open) => close(open, endMs)),
      busyMs: busy.totalMs(endMs),
      switchingMs: switching.totalMs(endMs),
    }),
  };
}

function noteWorker(
  residencies: Map<number, OpenResidency>,
  worker: Worker,
  news: "starting" | "ready" | "stopping" | "gone",
  atMs: number,
): void {
  if (news === "starting") {
    residencies.set(worker.id, { worker, grantedMs: atMs, readyMs: null, stopMs: null, goneMs: null });
    return;
  }
  const open = must(residencies.get(worker.id), `${worker.name} is ${news} and was never started`);
  if (news === "ready") open.readyMs = atMs;
  else if (news === "stopping") open.stopMs = atMs;
  else open.goneMs = atMs;
}

function close({ worker, goneMs, ...times }: OpenResidency, endMs: number): Residency {
  return {
    model: worker.lane.spec.runtime,
    gpus: worker.leases.map(({ gpu }) => gpu.index),
    isShared: worker.lane.spec.mode === "shared",
    ...times,
    goneMs: goneMs ?? endMs,
  };
}

function refusalOf(job: TraceJob, reply: Extract<Reply, { ok: false }>): Failure {
  const hints: Partial<Record<RefusalCode, string>> = {
    "gpu/too-many": `orch sim TRACE.csv --gpus ${job.gpus}`,
    "gpu/too-large": `orch sim TRACE.csv --vram ${Math.ceil((job.vramBytes ?? 0) / 2 ** 30)}GiB`,
  };
  const message = `line ${job.line} of the trace: ${reply.message}`;
  return new Failure(reply.code, message, { hint: hints[reply.code] ?? "orch sim --help" });
}
