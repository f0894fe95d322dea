import { unreachable } from "../std/assert.ts";
import { changeJob } from "./change-job.ts";
import { declareHome } from "./declare-home.ts";
import { endEarly } from "./end-early.ts";
import type { Reply, Request } from "./events.ts";
import { exec } from "./exec.ts";
import { forgetLearned } from "./forget-learned.ts";
import { cancelledEnd } from "./job-ends.ts";
import type { Job } from "./job-model.ts";
import { endJob, holdJob, nothingHeld, releaseHold, unqueue } from "./job-transitions.ts";
import { isServing } from "./lane-workers.ts";
import type { State } from "./model.ts";
import { preload } from "./preload.ts";
import { clearGpu } from "./quarantine.ts";
import { refuse, tooLarge, tooLargeFor } from "./refusals.ts";
import { applyReservationRequest } from "./reservations.ts";
import { resetRuntime } from "./reset-runtime.ts";
import { applyScheduleRequest } from "./schedules.ts";
import { sleepWorker, wakeWorker } from "./sleep-requests.ts";
import { laneFor } from "./state.ts";
import { submit } from "./submit.ts";
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
    case "change-job":
      return withJob(tx.state, request.jobId, (job) => changeJob(tx, job, request.change));
    case "forget-jobs":
      return forgetJobs(tx, request);
    case "start-worker":
      return summon(tx, request);
    case "preload":
      return preload(tx, request);
    case "declare-home":
      return declareHome(tx, request);
    case "reset-runtime":
      return resetRuntime(tx, request);
    case "clear-gpu":
      return clearGpu(tx, request);
    case "forget-learned":
      return forgetLearned(tx, request);
    case "stop-worker":
      return stopWorker(tx, request);
    case "pin-worker":
      return pinWorker(tx, request);
    case "sleep-worker":
      return sleepWorker(tx, request);
    case "wake-worker":
      return wakeWorker(tx, request);
    case "exec":
      return exec(tx, request);
    case "shut-down":
      return shutDown(tx, request);
    case "add-schedule":
    case "pause-schedule":
    case "remove-schedule":
    case "fire-schedule":
      return applyScheduleRequest(tx, request);
    case "add-reservation":
    case "remove-reservation":
      return applyReservationRequest(tx, request);
    default:
      return unreachable(request);
  }
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

/** What is not over is never forgotten, nor is the newest job: the next one's id follows from it. */
function forgetJobs(tx: Transition, { jobIds }: RequestOf<"forget-jobs">): Reply {
  const ids = jobIds.filter((id) => !tx.state.jobs.has(id) && id < tx.state.nextJobId - 1);
  tx.changes.forgotten.push(...ids);
  if (ids.length > 0) log(tx, "jobs-forgotten", `the record of ${ids.length} finished jobs is removed`);
  return { ok: true, ids };
}

function hold(tx: Transition, job: Job): Reply {
  if (job.phase.state === "held") {
    job.phase = { ...job.phase, byPerson: true };
    tx.changes.jobs.add(job);
  } else if (job.phase.state === "queued") {
    unqueue(tx, job);
    holdJob(tx, job, { ...nothingHeld, byPerson: true });
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
  const running = [...lane.workers].filter(isServing);
  const onGpu = running.find(
    (worker) => gpu === null || worker.leases.some((lease) => lease.gpu.uuid === gpu),
  );
  if (onGpu) return { ok: true, ids: [onGpu.id] };
  lane.summons = { gpu, evict: request.evict };
  lane.retryAtMs = 0;
  state.waiting.add(lane);
  tx.needsPlan = true;
  log(tx, "worker-summoned", `a worker for ${lane.spec.title} was asked for`);
  return { ok: true, ids: [] };
}

function stopWorker(tx: Transition, request: RequestOf<"stop-worker">): Reply {
  const worker = tx.state.workers.get(request.workerId);
  if (!worker) return refuse("worker/unknown", `there is no worker ${request.workerId}`, "orch workers ls");
  worker.pinned = false;
  tx.needsPlan = true;
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
  tx.needsPlan = true;
  tx.changes.workers.add(worker);
  log(
    tx,
    request.pinned ? "worker-pinned" : "worker-unpinned",
    `${worker.name} is ${request.pinned ? "pinned" : "no longer pinned"}`,
    { worker },
  );
  if (!request.pinned) settleIdle(tx, worker);
  // One that sleeps is looked at too: its time may be over.
  if (!request.pinned) tx.state.nextLimitMs = Math.min(tx.state.nextLimitMs, tx.nowMs);
  return { ok: true, ids: [worker.id] };
}

/**
 * `leave`: idle workers stop, running jobs go on without the daemon. `drain`: running jobs are waited for.
 * `kill`: running jobs are cancelled. Waiting jobs wait for the next daemon in every mode.
 */
function shutDown(tx: Transition, request: RequestOf<"shut-down">): Reply {
  tx.state.stopping = true;
  tx.needsPlan = true;
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
