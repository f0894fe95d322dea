import { formatDurationMs } from "../std/duration.ts";
import { runMs } from "./estimate.ts";
import type { Job } from "./job-model.ts";
import type { State, Worker } from "./model.ts";
import type { Step } from "./step.ts";
import type { StopReason } from "./worker-phase.ts";

type WorkerDecision = "start-worker" | "wake-worker" | "drain-worker" | "sleep-worker" | "stop-worker";

/** One thing that a step decides or brings about. */
export interface Decision {
  readonly atMs: number;
  readonly kind: WorkerDecision | "start-job" | "end-job";
  readonly worker: string | null;
  readonly jobId: number | null;
  readonly laneKey: string;
  /** The lane, as people read it. */
  readonly lane: string;
  /** UUIDs. */
  readonly gpus: readonly string[];
  /** Why, in words. */
  readonly why: string;
  /** Key of the lane for which a worker is moved out of the way. */
  readonly forLaneKey: string | null;
}

/**
 * The decisions of one step, in the order in which they follow from each other: jobs that end, workers that stop, workers that
 * start, jobs that start.
 * @param known what was told of earlier steps; a state of a worker is told once
 */
export function decisionsOf(state: State, taken: Step, atMs: number, known: Set<string>): Decision[] {
  const { ended, workers, jobs } = taken.changes;
  const stops: Decision[] = [];
  const starts: Decision[] = [];
  for (const worker of workers) {
    const { phase } = worker;
    if (phase.state === "ready" || phase.state === "asleep" || phase.sinceMs !== atMs) continue;
    if (!isNews(known, `${phase.state} ${worker.id} ${worker.fence}`)) continue;
    if (phase.state === "starting") {
      if (worker.createdAtMs === atMs && isNews(known, `start ${worker.id}`))
        starts.push(aboutWorker("start-worker", worker, atMs, startReason(state, worker), null));
    } else if (phase.state === "waking")
      starts.push(aboutWorker("wake-worker", worker, atMs, startReason(state, worker), null));
    else if (isNews(known, `leave ${worker.id} ${worker.fence}`))
      stops.push(leaving(state, worker, phase.reason, atMs));
  }
  return [
    ...ended.map(({ job, state: end }) => aboutJob("end-job", job, atMs, end === "succeeded" ? "done" : end)),
    ...stops,
    ...starts,
    ...[...jobs]
      .filter((job) => job.phase.state === "running" && job.phase.startedAtMs === atMs)
      .filter((job) => isNews(known, `run ${job.id} ${job.attempts}`))
      .map((job) => aboutJob("start-job", job, atMs, `runs about ${formatDurationMs(runMs(state, job))}`)),
  ];
}

function isNews(known: Set<string>, what: string): boolean {
  return known.size !== known.add(what).size;
}

function aboutJob(kind: "start-job" | "end-job", job: Job, atMs: number, why: string): Decision {
  const { phase, lane } = job;
  const worker = phase.state === "running" || phase.state === "starting" ? phase.worker : null;
  return {
    atMs,
    kind,
    worker: worker?.name ?? null,
    jobId: job.id,
    laneKey: lane.spec.key,
    lane: lane.spec.title,
    gpus: worker?.leases.map((lease) => lease.gpu.uuid) ?? [],
    why,
    forLaneKey: null,
  };
}

function aboutWorker(
  kind: WorkerDecision,
  worker: Worker,
  atMs: number,
  why: string,
  forLaneKey: string | null,
): Decision {
  const [job] = worker.lane.spec.residency === "one-shot" ? worker.jobs : [];
  return {
    atMs,
    kind,
    worker: worker.name,
    jobId: job?.id ?? null,
    laneKey: worker.lane.spec.key,
    lane: worker.lane.spec.title,
    gpus: worker.leases.map((lease) => lease.gpu.uuid),
    why,
    forLaneKey,
  };
}

function startReason(state: State, worker: Worker): string {
  const { lane } = worker;
  if (lane.spec.residency === "one-shot") {
    const [job] = worker.jobs;
    return `for job ${job?.id ?? "unknown"}`;
  }
  if (lane.summoned === worker) return "a person asked for it";
  const next = lane.queue.peek();
  if (next === undefined || !state.jobs.has(next)) return "it is kept ready (replicas.min)";
  return `job ${next} is next of ${lane.spec.title}`;
}

function leaving(state: State, worker: Worker, reason: StopReason, atMs: number): Decision {
  const kind = leavingKinds[worker.phase.state] ?? "stop-worker";
  const isMoved = reason === "evicted" || reason === "preempted";
  const other = isMoved ? newcomerTo(state, worker) : undefined;
  const why = other ? `${leaveReasons[reason]} for ${other.spec.title}` : leaveReasons[reason];
  return aboutWorker(kind, worker, atMs, why, other?.spec.key ?? null);
}

const leavingKinds: Readonly<Partial<Record<Worker["phase"]["state"], WorkerDecision>>> = {
  draining: "drain-worker",
  "falling-asleep": "sleep-worker",
};

const leaveReasons: Readonly<Record<StopReason, string>> = {
  evicted: "makes room",
  preempted: "its jobs are queued again to make room",
  idle: "nothing to do for its keep-alive",
  asked: "a person asked for it",
  switched: "a person switched",
  "job-ended": "its job has ended",
  "job-stuck": "its job does not stop by itself",
  unresponsive: "its program hangs",
  shutdown: "the daemon stops",
  "out-of-memory": "it needs a larger lease",
  "start-failed": "its start failed",
  "sleep-failed": "it neither sleeps nor works",
  "ram-needed": "others need the memory in which it sleeps",
  "gpu-lost": "its GPU is lost",
};

/** The lane that was promised the GPUs of a worker which leaves. */
function newcomerTo(state: State, worker: Worker) {
  const gpus = new Set(worker.leases.map((lease) => lease.gpu.uuid));
  for (const lane of state.waiting) {
    const { code, gpus: promised } = lane.verdict;
    // Commands share a lane with whatever needs the same lease.
    if (lane === worker.lane && lane.spec.residency === "resident") continue;
    if (code !== "draining" && code !== "gpu-busy") continue;
    if (promised.some((uuid) => gpus.has(uuid))) return lane;
  }
  return undefined;
}
