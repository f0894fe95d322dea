import { assert } from "../std/assert.ts";
import type { Job } from "./job-model.ts";
import type { Gpu, State, Worker } from "./model.ts";

/**
 * Checks that the state holds together (DESIGN §3, invariants 1 to 4 as far as a state can show them). O(jobs): for
 * the simulator, for tests and for a daemon that has just been restored. Numbers of a lane's spec are not held against its
 * workers: the owner may have edited them since.
 * @throws AssertionFailed naming what is broken.
 */
export function checkInvariants(state: State): void {
  for (const gpu of state.gpus.values()) checkGpu(gpu);
  const fences = new Set<number>();
  for (const worker of state.workers.values()) {
    assert(!fences.has(worker.fence), `fence ${worker.fence} was given out twice`);
    assert(worker.fence <= state.lastFence, `fence ${worker.fence} is newer than the last one given out`);
    fences.add(worker.fence);
    checkWorker(state, worker);
  }
  let queued = 0;
  for (const job of state.jobs.values()) {
    checkJob(state, job);
    if (job.phase.state === "queued") queued += 1;
  }
  checkLanes(state, queued);
  checkBooks(state);
  checkTimetable(state);
}

/** Counts that are kept beside the jobs agree with them. */
function checkBooks(state: State): void {
  const waiting = new Map<string, number>();
  const running = new Map<string, number>();
  const terms = new Map<string, number>();
  for (const job of state.jobs.values()) {
    const isPlaced = job.phase.state === "running" || job.phase.state === "starting";
    terms.set(job.terms.key, (terms.get(job.terms.key) ?? 0) + 1);
    for (const { key } of job.terms.accounts) {
      const books = isPlaced ? running : waiting;
      books.set(key, (books.get(key) ?? 0) + 1);
    }
    checkArray(job);
  }
  for (const { key, waitingJobs, runningJobs } of state.accounts.values()) {
    assert(waitingJobs === (waiting.get(key) ?? 0), `${key} is said to have ${waitingJobs} waiting jobs`);
    assert(runningJobs === (running.get(key) ?? 0), `${key} is said to have ${runningJobs} running jobs`);
  }
  for (const { key, jobs } of state.terms.values())
    assert(jobs === terms.get(key), `${jobs} jobs are said to have the terms ${key}`);
}

function checkArray(job: Job): void {
  const array = job.extras?.array ?? null;
  if (array === null) return;
  assert(
    array.active.size <= array.maxActive,
    `array ${array.id} has ${array.active.size} jobs on their way`,
  );
  const isOnItsWay = job.phase.state !== "held";
  assert(array.active.has(job.id) === isOnItsWay, `array ${array.id} is wrong about job ${job.id}`);
}

function checkTimetable(state: State): void {
  for (const { name, paused, nextAtMs, doneMs } of state.schedules.values()) {
    assert(nextAtMs === null || !paused, `schedule ${name} is paused and has a next fire`);
    assert(
      nextAtMs === null || nextAtMs > doneMs,
      `schedule ${name} would fire again for what it dealt with`,
    );
  }
  const reservations = [...state.reservations.values()];
  for (const left of reservations) {
    assert(left.startAtMs < left.endAtMs, `reservation ${left.id} ends before it begins`);
    assert(left.gpus.length > 0, `reservation ${left.id} is of no GPU`);
    for (const right of reservations) {
      const isApart = left.endAtMs <= right.startAtMs || right.endAtMs <= left.startAtMs;
      const isShared = right.id > left.id && left.gpus.some((uuid) => right.gpus.includes(uuid));
      assert(isApart || !isShared, `reservations ${left.id} and ${right.id} have a GPU together`);
    }
  }
}

function checkGpu(gpu: Gpu): void {
  const leases = [...gpu.leases];
  const awake = leases.filter((lease) => lease.mode !== "residue");
  const exclusive = awake.filter((lease) => lease.mode === "exclusive");
  assert(exclusive.length <= 1, `GPU ${gpu.index} has ${exclusive.length} exclusive leases`);
  assert(
    exclusive.length === 0 || awake.length === 1,
    `GPU ${gpu.index} is leased exclusively and shared at once`,
  );
  const bytes = leases.reduce((sum, lease) => sum + lease.vramBytes, 0);
  assert(bytes <= gpu.totalBytes, `GPU ${gpu.index} has ${bytes} bytes leased of ${gpu.totalBytes}`);
}

function checkWorker(state: State, worker: Worker): void {
  assert(worker.lane.workers.has(worker), `${worker.name} is unknown to its lane`);
  for (const lease of worker.leases) {
    assert(lease.gpu.leases.has(lease), `${worker.name} believes in a lease its GPU does not know`);
    assert(lease.fence === worker.fence, `${worker.name} has a lease with another fence`);
    if (worker.phase.state === "asleep")
      assert(lease.mode === "residue", `${worker.name} sleeps and has GPU ${lease.gpu.index} for itself`);
    else if (worker.phase.state !== "stopping")
      assert(lease.mode !== "residue", `${worker.name} is ${worker.phase.state} on what it had asleep`);
  }
  // A restart forgets requests; the first step, which looks at all limits, sees to it.
  const isJustRestored = state.nextLimitMs === 0;
  assert(
    worker.phase.state !== "draining" || worker.jobs.size > 0 || isJustRestored,
    `${worker.name} drains nothing`,
  );
  const mayWork = worker.phase.state !== "asleep" && worker.phase.state !== "falling-asleep";
  assert(mayWork || worker.jobs.size === 0, `${worker.name} sleeps and has jobs`);
  for (const job of worker.jobs) {
    assert(state.jobs.get(job.id) === job, `${worker.name} runs job ${job.id}, which is over`);
    const onIt =
      (job.phase.state === "running" || job.phase.state === "starting") && job.phase.worker === worker;
    assert(onIt, `${worker.name} runs job ${job.id}, which does not know it`);
  }
}

function checkJob(state: State, job: Job): void {
  if (job.phase.state === "running" || job.phase.state === "starting") {
    assert(job.phase.worker.jobs.has(job), `job ${job.id} runs on a worker that does not know it`);
    assert(state.workers.has(job.phase.worker.id), `job ${job.id} runs on a worker that is gone`);
    assert(job.attempts > 0, `job ${job.id} runs without an attempt on record`);
  }
  if (job.phase.state === "held") {
    const { byPerson, after, untilMs, byArray } = job.phase;
    assert(byPerson || after.size > 0 || untilMs !== null || byArray, `job ${job.id} is held by nothing`);
    for (const id of after.keys())
      assert(state.dependents.get(id)?.has(job), `job ${id} does not know its dependent ${job.id}`);
  }
}

function checkLanes(state: State, queued: number): void {
  let inLanes = 0;
  for (const lane of state.lanes.values()) {
    inLanes += lane.queue.size;
    const waits = lane.queue.size > 0 || lane.summons !== null;
    assert(state.waiting.has(lane) === waits, `lane ${lane.spec.key} is ${waits ? "not " : ""}in the plan`);
  }
  assert(inLanes === queued, `${queued} jobs are queued but ${inLanes} are in lanes`);
}
