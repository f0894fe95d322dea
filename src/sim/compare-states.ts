import type { Job, Terms } from "../scheduler/job-model.ts";
import type { State } from "../scheduler/model.ts";
import { rowOfJob, rowOfLane, rowsOf } from "../scheduler/rows.ts";
import { rowOfTerms } from "../scheduler/terms.ts";
import { AssertionFailed } from "../std/assert.ts";

/**
 * Compares the live state with one restored from the database: same jobs, phases, workers, leases, queues and
 * counters. Left out is what a restart may forget: what drivers say, when lanes began to wait, failed starts, summons; and
 * how often jobs come, which is written with whatever else changes of a lane.
 * @throws AssertionFailed with the first difference.
 */
export function compareStates(live: State, restored: State): void {
  compareJobs(live, restored);
  compareNextJob(live, restored);
  const expected = describe(live);
  const actual = describe(restored);
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const left = expected.get(key);
    const right = actual.get(key);
    if (!areEqual(left, right))
      throw new AssertionFailed(`${key} is ${inWords(left)}, but after a restart ${inWords(right)}`);
  }
}

/** Requests leave a number out when there is no room for one more between two jobs. */
function compareNextJob(live: State, restored: State): void {
  const next = live.nextJobId;
  if (next !== restored.nextJobId && (live.lastRequestId === 0 || next < restored.nextJobId))
    throw new AssertionFailed(`the next job is ${next}, but after a restart ${restored.nextJobId}`);
}

/** Jobs are the many: of two that only wait, no rows are made unless they differ. */
function compareJobs(live: State, restored: State): void {
  const alike = new Map<Terms, Terms>();
  const sameTerms = (left: Terms, right: Terms): boolean => {
    if (alike.get(left) === right) return true;
    const same = areEqual(rowOfTerms(left), rowOfTerms(right));
    if (same) alike.set(left, right);
    return same;
  };
  for (const [id, job] of live.jobs) {
    const other = restored.jobs.get(id);
    if (other !== undefined && waitAlike(job, other) && sameTerms(job.terms, other.terms)) continue;
    const left = rowOfJob(job);
    const right = other && rowOfJob(other);
    if (!areEqual(left, right))
      throw new AssertionFailed(`job ${id} is ${inWords(left)}, but after a restart ${inWords(right)}`);
  }
  for (const [id, job] of restored.jobs)
    if (!live.jobs.has(id))
      throw new AssertionFailed(`job ${id} is over, but after a restart ${inWords(rowOfJob(job))}`);
}

function waitAlike(left: Job, right: Job): boolean {
  return (
    left.phase.state === "queued" &&
    right.phase.state === "queued" &&
    left.lane.spec.key === right.lane.spec.key &&
    left.submittedAtMs === right.submittedAtMs &&
    left.attempts === right.attempts &&
    left.extras === null &&
    right.extras === null
  );
}

/** What is compared of all but the jobs, as plain data under the name of what it is about. Text is made of what differs alone: it costs much. */
function describe(state: State): Map<string, unknown> {
  const facts = new Map<string, unknown>();
  const rows = rowsOf(state, 0);
  const { nextWorkerId, lastFence } = rows;
  facts.set("counters", [nextWorkerId, lastFence]);
  facts.set("timetable", rows.timetable);
  for (const worker of rows.workers) facts.set(`worker ${worker.id}`, worker);
  for (const lane of state.lanes.values()) {
    const { queue, workers } = lane;
    const ids = [...workers].map((worker) => worker.id).sort((left, right) => left - right);
    const { spec, learned } = rowOfLane(lane);
    facts.set(`lane ${lane.spec.key}`, [spec, learned, queue.list(queue.size), ids]);
  }
  for (const account of state.accounts.values()) {
    // Usage is settled when it changes; between two changes its sum depends on when it was last looked at.
    const { waitingJobs, runningJobs } = account;
    const used = {
      gpus: Math.round(account.gpusInUse * 1e6) / 1e6,
      usage: Math.round(account.usageMs * 1e3) / 1e3,
      at: account.usageAtMs,
    };
    const isUnused = waitingJobs + runningJobs === 0 && account.usageMs === 0;
    if (!isUnused) facts.set(`account ${account.key}`, { waitingJobs, runningJobs, ...used });
  }
  for (const gpu of rows.gpus) {
    const leases = state.gpus.get(gpu.uuid)?.leases ?? new Set();
    if (leases.size === 0 && gpu.quarantine === null) continue;
    const holders = [...leases].map((lease) => lease.worker.id).sort((left, right) => left - right);
    facts.set(`GPU ${gpu.uuid}`, [gpu, holders]);
  }
  for (const [jobId, jobs] of state.dependents) {
    if (jobs.size === 0) continue;
    const ids = [...jobs].map((job) => job.id).sort((left, right) => left - right);
    facts.set(`dependents of job ${jobId}`, ids);
  }
  return facts;
}

function inWords(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** Whether two pieces of plain data are the same, whatever the order of their keys. */
function areEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => areEqual(left[key as keyof typeof left], right[key as keyof typeof right]));
}
