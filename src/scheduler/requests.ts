import { unreachable } from "../std/assert.ts";
import { formatBytes } from "../std/bytes.ts";
import { fitsEmpty } from "./capacity.ts";
import type { NewJob, RefusalCode, Reply, Request } from "./events.ts";
import {
  addJob,
  cancelledEnd,
  endJob,
  holdJob,
  lookAgainBy,
  outcomeNow,
  releaseHold,
  unqueue,
} from "./job-transitions.ts";
import type { Ending, Job, LaneSpec, State } from "./model.ts";
import { laneFor } from "./state.ts";
import { log, type Transition } from "./transition.ts";
import { drain, settleIdle, stop } from "./worker-transitions.ts";

type RequestOf<T extends Request["type"]> = Extract<Request, { type: T }>;

/** Applies what a person asked for; a refusal leaves everything as it was. */
export function applyRequest(tx: Transition, request: Request): Reply {
  switch (request.type) {
    case "submit":
      return submit(tx, request);
    case "cancel":
      return withJob(tx.state, request.jobId, (job) => cancel(tx, job));
    case "hold":
      return withJob(tx.state, request.jobId, (job) => hold(tx, job));
    case "release":
      return withJob(tx.state, request.jobId, (job) => release(tx, job));
    case "start-worker":
      return summon(tx, request);
    case "stop-worker":
      return stopWorker(tx, request);
    case "pin-worker":
      return pinWorker(tx, request);
    case "shut-down":
      return shutDown(tx, request);
    default:
      return unreachable(request);
  }
}

/** The answer to a request that changes nothing. */
export function refuse(code: RefusalCode, message: string, hint: string | null = null): Reply {
  return { ok: false, code, message, hint };
}

function submit(tx: Transition, request: RequestOf<"submit">): Reply {
  if (tx.state.stopping)
    return refuse("daemon/stopping", "the daemon is stopping and takes no new jobs", "orch up");
  for (const [index, asked] of request.jobs.entries()) {
    const refusal = refusalOf(tx, asked);
    if (refusal?.ok === false && request.jobs.length > 1)
      return { ...refusal, message: `job ${index + 1} of the batch: ${refusal.message}` };
    if (refusal) return refusal;
  }
  return { ok: true, ids: request.jobs.map((asked) => addJob(tx, asked).id) };
}

function refusalOf(tx: Transition, asked: NewJob): Reply | undefined {
  for (const dependency of asked.after) {
    const outcome = outcomeNow(tx, dependency);
    if (outcome === "failed" || outcome === "cancelled") {
      const how = outcome === "failed" ? "failed" : "was cancelled";
      const text = `job ${dependency.jobId}, which it should wait for, ${how}`;
      return refuse("dependency/failed", text, `orch retry ${dependency.jobId}`);
    }
  }
  return tooLarge(tx.state, asked.lane);
}

/**
 * Refuses what no GPU of this host could ever run, with what the host has. Foreign memory does not count: it may go
 * away. The daemon answers only once it has looked for GPUs, so none means none.
 */
export function tooLarge(state: State, spec: LaneSpec): Reply | undefined {
  if (spec.gpuCount === 0) return undefined;
  const gpus = [...state.gpus.values()];
  const has =
    gpus.length === 0
      ? "this host has no GPU that orch can see"
      : `this host has ${gpus.map((gpu) => `GPU ${gpu.index} with ${formatBytes(gpu.totalBytes)}`).join(", ")}`;
  if (spec.gpuCount > gpus.length) {
    return refuse("gpu/too-many", `${spec.title} needs ${spec.gpuCount} GPU(s); ${has}`, "orch gpus");
  }
  const fitting = gpus.filter((gpu) => fitsEmpty(state.policy, spec, gpu));
  const needs = formatBytes(spec.vramBytes ?? 0);
  if (fitting.length >= spec.gpuCount) return undefined;
  const how = spec.gpuCount === 1 ? `${needs} on one GPU` : `${needs} on each of ${spec.gpuCount} GPUs`;
  return refuse("gpu/too-large", `${spec.title} needs ${how}; ${has}`, "orch gpus");
}

function tooLargeFor(state: State, spec: LaneSpec, uuid: string | null): Reply | undefined {
  const gpu = uuid === null ? undefined : state.gpus.get(uuid);
  if (gpu === undefined || fitsEmpty(state.policy, spec, gpu)) return undefined;
  const has = `GPU ${gpu.index} has ${formatBytes(gpu.totalBytes)}`;
  return refuse(
    "gpu/too-large",
    `${spec.title} needs ${formatBytes(spec.vramBytes ?? 0)}; ${has}`,
    "orch gpus",
  );
}

function withJob(state: State, jobId: number, act: (job: Job) => Reply): Reply {
  const job = state.jobs.get(jobId);
  return job ? act(job) : refuse("job/unknown", `there is no unfinished job ${jobId}`, "orch ls --all");
}

function cancel(tx: Transition, job: Job): Reply {
  if (job.phase.state === "held" || job.phase.state === "queued") {
    endJob(tx, job, { ...cancelledEnd, reason: { code: "cancelled", text: "cancelled on request" } });
  } else {
    endEarly(tx, job, "cancelled");
  }
  return { ok: true, ids: [job.id] };
}

/** Stops a running job: by word to its worker, or by stopping the worker if the job is all it does. */
export function endEarly(tx: Transition, job: Job, ending: Ending): void {
  if (job.phase.state === "starting") {
    job.phase = {
      state: "running",
      worker: job.phase.worker,
      startedAtMs: tx.nowMs,
      ending: { how: ending, sinceMs: tx.nowMs },
    };
    tx.changes.jobs.add(job);
    stop(tx, job.phase.worker, "job-ended");
    return;
  }
  if (job.phase.state !== "running" || job.phase.ending !== null) return;
  job.phase = { ...job.phase, ending: { how: ending, sinceMs: tx.nowMs } };
  tx.changes.jobs.add(job);
  const { worker } = job.phase;
  log(tx, "job-ending", `job ${job.id} is being stopped (${ending})`, { job, worker });
  if (worker.lane.spec.residency === "one-shot") return stop(tx, worker, "job-ended");
  tx.effects.push({ type: "cancel-job", workerId: worker.id, jobId: job.id });
  lookAgainBy(tx.state, tx.nowMs + worker.lane.spec.stopTimeoutMs);
}

function hold(tx: Transition, job: Job): Reply {
  if (job.phase.state === "held") {
    job.phase = { ...job.phase, byPerson: true };
    tx.changes.jobs.add(job);
  } else if (job.phase.state === "queued") {
    unqueue(tx, job);
    holdJob(tx, job, { state: "held", byPerson: true, after: new Set(), untilMs: null });
  } else {
    return refuse(
      "job/state",
      `job ${job.id} is ${job.phase.state}; only waiting jobs can be held`,
      `orch cancel ${job.id}`,
    );
  }
  log(tx, "job-held", `job ${job.id} is held`, { job });
  return { ok: true, ids: [job.id] };
}

function release(tx: Transition, job: Job): Reply {
  if (job.phase.state !== "held") {
    return refuse("job/state", `job ${job.id} is ${job.phase.state}, not held`, `orch show ${job.id}`);
  }
  releaseHold(tx, job, { byPerson: false, untilMs: null });
  log(tx, "job-released", `job ${job.id} is released`, { job });
  return { ok: true, ids: [job.id] };
}

function summon(tx: Transition, request: RequestOf<"start-worker">): Reply {
  const { state } = tx;
  if (state.stopping)
    return refuse("daemon/stopping", "the daemon is stopping and starts no workers", "orch up");
  if (request.gpu !== null && !state.gpus.has(request.gpu)) {
    return refuse("gpu/unknown", `there is no GPU ${request.gpu}`, "orch gpus");
  }
  if (request.lane.residency === "one-shot") {
    return refuse("worker/state", `${request.lane.title} starts with its jobs, not before`, "orch submit");
  }
  const gpu = request.lane.gpuCount === 0 ? null : request.gpu;
  const refusal = tooLarge(state, request.lane) ?? tooLargeFor(state, request.lane, gpu);
  if (refusal) return refusal;
  const { lane, isNew } = laneFor(state, request.lane);
  if (isNew) tx.changes.lanes.add(lane);
  const running = [...lane.workers].filter(
    (worker) => worker.phase.state === "ready" || worker.phase.state === "starting",
  );
  const onGpu = running.find(
    (worker) => gpu === null || worker.leases.some((lease) => lease.gpu.uuid === gpu),
  );
  if (onGpu) return { ok: true, ids: [onGpu.id] };
  lane.summons = { gpu, evict: request.evict };
  lane.retryAtMs = 0;
  state.waiting.add(lane);
  log(tx, "worker-summoned", `a worker for ${lane.spec.title} was asked for`);
  return { ok: true, ids: [] };
}

function stopWorker(tx: Transition, request: RequestOf<"stop-worker">): Reply {
  const worker = tx.state.workers.get(request.workerId);
  if (!worker) return refuse("worker/unknown", `there is no worker ${request.workerId}`, "orch workers ls");
  worker.pinned = false;
  tx.changes.workers.add(worker);
  if (!request.force && worker.phase.state !== "starting") drain(tx, worker, "asked");
  else {
    for (const job of [...worker.jobs]) endEarly(tx, job, "cancelled");
    stop(tx, worker, "asked");
  }
  return { ok: true, ids: [worker.id] };
}

function pinWorker(tx: Transition, request: RequestOf<"pin-worker">): Reply {
  const worker = tx.state.workers.get(request.workerId);
  if (!worker) return refuse("worker/unknown", `there is no worker ${request.workerId}`, "orch workers ls");
  if (worker.lane.spec.residency === "one-shot") {
    return refuse("worker/state", `${worker.name} ends with its job and cannot be pinned`, "orch workers ls");
  }
  worker.pinned = request.pinned;
  tx.changes.workers.add(worker);
  log(
    tx,
    request.pinned ? "worker-pinned" : "worker-unpinned",
    `${worker.name} is ${request.pinned ? "pinned" : "no longer pinned"}`,
    { worker },
  );
  if (!request.pinned) settleIdle(tx, worker);
  return { ok: true, ids: [worker.id] };
}

/**
 * `leave`: idle workers stop, running jobs go on without the daemon. `drain`: running jobs are waited for.
 * `kill`: running jobs are cancelled. Waiting jobs wait for the next daemon in every mode.
 */
function shutDown(tx: Transition, request: RequestOf<"shut-down">): Reply {
  tx.state.stopping = true;
  log(tx, "daemon-stopping", `the daemon stops (${request.mode})`);
  for (const worker of [...tx.state.workers.values()]) {
    if (request.mode === "kill") {
      for (const job of [...worker.jobs]) endEarly(tx, job, "cancelled");
      stop(tx, worker, "shutdown");
    } else if (worker.jobs.size === 0) stop(tx, worker, "shutdown");
    else if (request.mode === "drain") drain(tx, worker, "shutdown");
  }
  return { ok: true, ids: [] };
}
