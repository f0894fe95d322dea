import type { JobPhase, State, Worker } from "../scheduler/model.ts";
import { AssertionFailed } from "../std/assert.ts";

/**
 * Compares the live state with one restored from the database: same jobs, phases, workers, leases, queues and
 * counters. Left out is what a restart may forget: what drivers say, when lanes began to wait, failed starts, summons.
 * @throws AssertionFailed with the first difference.
 */
export function compareStates(live: State, restored: State): void {
  const expected = describe(live);
  const actual = describe(restored);
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const left = expected.get(key) ?? "nothing";
    const right = actual.get(key) ?? "nothing";
    if (left !== right) throw new AssertionFailed(`${key} is ${left}, but after a restart ${right}`);
  }
}

function describe(state: State): Map<string, string> {
  const facts = new Map<string, string>();
  const { nextJobId, nextWorkerId, lastFence } = state;
  facts.set("counters", JSON.stringify([nextJobId, nextWorkerId, lastFence]));
  for (const job of state.jobs.values()) {
    const { priority, submittedAtMs, retries, timeLimitMs, attempts } = job;
    const numbers = { priority, submittedAtMs, retries, timeLimitMs, attempts };
    facts.set(`job ${job.id}`, JSON.stringify([job.lane.spec.key, numbers, describePhase(job.phase)]));
  }
  for (const worker of state.workers.values()) {
    facts.set(`worker ${worker.id}`, JSON.stringify(describeWorker(worker)));
  }
  for (const lane of state.lanes.values()) {
    const spec = Object.entries(lane.spec).sort(([left], [right]) => (left < right ? -1 : 1));
    const workers = [...lane.workers].map((worker) => worker.id).sort((left, right) => left - right);
    const costs = [lane.startCostMs, lane.stopCostMs];
    const queue = lane.queue.list(lane.queue.size);
    facts.set(`lane ${lane.spec.key}`, JSON.stringify([spec, costs, queue, workers]));
  }
  for (const gpu of state.gpus.values()) {
    if (gpu.leases.size === 0) continue;
    const holders = [...gpu.leases].map((lease) => lease.worker.id).sort((left, right) => left - right);
    facts.set(`GPU ${gpu.uuid}`, JSON.stringify([gpu.index, gpu.totalBytes, holders]));
  }
  for (const [jobId, jobs] of state.dependents) {
    if (jobs.size === 0) continue;
    const ids = [...jobs].map((job) => job.id).sort((left, right) => left - right);
    facts.set(`dependents of job ${jobId}`, JSON.stringify(ids));
  }
  return facts;
}

function describePhase(phase: JobPhase): unknown {
  switch (phase.state) {
    case "held":
      return { ...phase, after: [...phase.after].sort((left, right) => left - right) };
    case "queued":
      return phase;
    default:
      return { ...phase, worker: phase.worker.id };
  }
}

function describeWorker(worker: Worker): unknown {
  const { id, name, fence, createdAtMs, pinned } = worker;
  const phase = Object.entries(worker.phase).sort(([left], [right]) => (left < right ? -1 : 1));
  const leases = worker.leases.map((lease) => [lease.gpu.uuid, lease.mode, lease.vramBytes, lease.fence]);
  const jobs = [...worker.jobs].map((job) => job.id).sort((left, right) => left - right);
  return { id, name, fence, createdAtMs, pinned, phase, leases, jobs, lane: worker.lane.spec.key };
}
