import { assert } from "../std/assert.ts";
import type { Gpu, Job, State, Worker } from "./model.ts";

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
}

function checkGpu(gpu: Gpu): void {
  const leases = [...gpu.leases];
  const exclusive = leases.filter((lease) => lease.mode === "exclusive");
  assert(exclusive.length <= 1, `GPU ${gpu.index} has ${exclusive.length} exclusive leases`);
  assert(
    exclusive.length === 0 || leases.length === 1,
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
  }
  assert(worker.phase.state !== "draining" || worker.jobs.size > 0, `${worker.name} drains nothing`);
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
    const { byPerson, after, untilMs } = job.phase;
    assert(byPerson || after.size > 0 || untilMs !== null, `job ${job.id} is held by nothing`);
    for (const id of after)
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
