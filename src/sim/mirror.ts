import type { Job } from "../scheduler/job-model.ts";
import type { Lease, Worker } from "../scheduler/model.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import {
  type JobRow as RestoredJob,
  type Rows as RestoredRows,
  type WorkerRow as RestoredWorker,
  rowOfAccount,
  rowOfGpu,
  rowOfJob,
  rowOfLane,
  rowOfRunGroup,
  rowOfWorker,
} from "../scheduler/rows.ts";
import type { Changes, JobEnd } from "../scheduler/transition.ts";
import { assert, must } from "../std/assert.ts";
import { createTimetableMirror, type TimetableMirror } from "./timetable-mirror.ts";

export interface AttemptRow {
  readonly workerId: number;
  readonly startedAtMs: number;
  outcome: Changes["attemptsEnded"][number]["outcome"] | null;
  endedAtMs: number | null;
}

export interface JobRow {
  live: RestoredJob;
  /** Attempts by number; one that never started is overwritten by the next of its number. */
  readonly attempts: Map<number, AttemptRow>;
  end: Omit<JobEnd, "job"> | null;
}

export interface WorkerRow {
  live: RestoredWorker;
  gone: "gone" | "failed" | null;
}

/**
 * The database of the simulator: plain rows, kept from `changes` alone and with the constraints that the real one has.
 * What is missing in `changes` is missing here, and a restored daemon shows it.
 */
export interface Mirror {
  readonly jobs: ReadonlyMap<number, JobRow>;
  readonly workers: ReadonlyMap<number, WorkerRow>;
  /** Ids of jobs that have no end yet. */
  readonly liveJobs: ReadonlySet<number>;
  readonly schedules: TimetableMirror["schedules"];
  /** Makes one step durable. @throws AssertionFailed where a constraint of the database would refuse. */
  apply(changes: Changes): void;
  /** What `restore()` is given. */
  rows(): RestoredRows;
  /** Requests are in no database: with the daemon's state they are gone. Until then they are kept here as jobs are. */
  loseRequests(): void;
}

interface Tables {
  readonly jobs: Map<number, JobRow>;
  readonly liveJobs: Set<number>;
  readonly workers: Map<number, WorkerRow>;
  readonly liveWorkers: Set<number>;
  readonly lanes: Map<string, RestoredRows["lanes"][number]>;
  readonly gpus: Map<string, RestoredRows["gpus"][number]>;
  readonly accounts: Map<string, RestoredRows["accounts"][number]>;
  readonly runGroups: Map<string, RestoredRows["runGroups"][number]>;
  readonly arrays: Map<number, RestoredRows["arrays"][number]>;
  readonly timetable: TimetableMirror;
  nextJobId: number;
  nextWorkerId: number;
  lastFence: number;
}

/** An empty database. */
export function createMirror(): Mirror {
  const tables: Tables = {
    jobs: new Map(),
    liveJobs: new Set(),
    workers: new Map(),
    liveWorkers: new Set(),
    lanes: new Map(),
    gpus: new Map(),
    accounts: new Map(),
    runGroups: new Map(),
    arrays: new Map(),
    timetable: createTimetableMirror(),
    nextJobId: 1,
    nextWorkerId: 1,
    lastFence: 0,
  };
  return {
    jobs: tables.jobs,
    workers: tables.workers,
    liveJobs: tables.liveJobs,
    schedules: tables.timetable.schedules,
    apply: (changes) => apply(tables, changes),
    rows: () => rows(tables),
    loseRequests() {
      for (const id of tables.jobs.keys()) {
        if (!isRequestId(id)) continue;
        tables.jobs.delete(id);
        tables.liveJobs.delete(id);
      }
    },
  };
}

function apply(tables: Tables, changes: Changes): void {
  for (const lane of changes.lanes) tables.lanes.set(lane.spec.key, rowOfLane(lane));
  for (const account of changes.accounts) tables.accounts.set(account.key, rowOfAccount(account));
  for (const group of changes.runGroups) tables.runGroups.set(group.key, rowOfRunGroup(group));
  for (const { id, maxActive } of changes.newArrays) tables.arrays.set(id, { id, maxActive });
  for (const gpu of changes.gpus) tables.gpus.set(gpu.uuid, rowOfGpu(gpu));
  tables.timetable.apply(changes);
  for (const { job } of changes.newJobs) insertJob(tables, job);
  for (const ended of changes.attemptsEnded) endAttempt(tables, ended);
  for (const { lease } of changes.leasesReleased) releaseLease(tables, lease);
  for (const { worker, state } of changes.workersGone) removeWorker(tables, worker, state);
  const newest = tables.lastFence;
  for (const worker of changes.workers) putWorker(tables, worker, newest);
  for (const lease of changes.leasesResized) if (lease.mode === "residue") resizeLease(tables, lease);
  for (const { lease } of changes.leasesGranted) grantLease(tables, lease);
  for (const lease of changes.leasesResized) if (lease.mode !== "residue") resizeLease(tables, lease);
  for (const started of changes.attemptsStarted) startAttempt(tables, started);
  for (const job of changes.jobs) updateJob(tables, job);
  for (const { job, ...end } of changes.ended) endJob(tables, job, end);
}

function insertJob(tables: Tables, job: Job): void {
  assert(!tables.jobs.has(job.id), `job ${job.id} is inserted twice`);
  tables.jobs.set(job.id, { live: rowOfJob(job), attempts: new Map(), end: null });
  tables.liveJobs.add(job.id);
  if (!isRequestId(job.id)) tables.nextJobId = Math.max(tables.nextJobId, job.id + 1);
}

function updateJob(tables: Tables, job: Job): void {
  const row = must(tables.jobs.get(job.id), `job ${job.id} is updated but was never inserted`);
  assert(row.end === null, `job ${job.id} is updated after its end`);
  row.live = rowOfJob(job);
}

function endJob(tables: Tables, job: Job, end: Omit<JobEnd, "job">): void {
  const row = must(tables.jobs.get(job.id), `job ${job.id} ends but was never inserted`);
  assert(row.end === null, `the end of job ${job.id} is written twice`);
  row.end = end;
  tables.liveJobs.delete(job.id);
}

function startAttempt(tables: Tables, started: Changes["attemptsStarted"][number]): void {
  const { attempts } = must(tables.jobs.get(started.jobId), `an attempt of unknown job ${started.jobId}`);
  const same = attempts.get(started.attempt);
  const name = `attempt ${started.attempt} of job ${started.jobId}`;
  assert(same === undefined || same.outcome === "not-started", `${name} is recorded twice`);
  const { atMs, worker } = started;
  attempts.set(started.attempt, {
    workerId: worker.id,
    startedAtMs: atMs,
    outcome: null,
    endedAtMs: null,
  });
}

function endAttempt(tables: Tables, ended: Changes["attemptsEnded"][number]): void {
  const name = `attempt ${ended.attempt} of job ${ended.jobId}`;
  const row = must(tables.jobs.get(ended.jobId)?.attempts.get(ended.attempt), `${name} never began`);
  assert(row.outcome === null, `the end of ${name} is written twice`);
  row.outcome = ended.outcome;
  row.endedAtMs = ended.atMs;
}

/** @param newest fence given out before this step */
function putWorker(tables: Tables, worker: Worker, newest: number): void {
  const row = tables.workers.get(worker.id);
  assert(row === undefined || row.gone === null, `${worker.name} is updated after it was gone`);
  if (row === undefined) {
    tables.nextWorkerId = Math.max(tables.nextWorkerId, worker.id + 1);
    tables.liveWorkers.add(worker.id);
  }
  if (worker.fence !== row?.live.fence) {
    assert(worker.fence > newest, `fence ${worker.fence} is not newer than ${newest}`);
    tables.lastFence = Math.max(tables.lastFence, worker.fence);
  }
  const leases = row?.live.leases ?? [];
  tables.workers.set(worker.id, { live: { ...rowOfWorker(worker), leases }, gone: null });
}

function removeWorker(tables: Tables, worker: Worker, state: "gone" | "failed"): void {
  const row = must(tables.workers.get(worker.id), `${worker.name} is gone but was never inserted`);
  assert(row.gone === null, `${worker.name} is gone twice`);
  assert(row.live.leases.length === 0, `${worker.name} is gone and still holds a lease`);
  row.gone = state;
  tables.liveWorkers.delete(worker.id);
}

function grantLease(tables: Tables, lease: Lease): void {
  const row = must(tables.workers.get(lease.worker.id), `a lease of unknown worker ${lease.worker.id}`);
  assert(lease.mode !== "residue", `worker ${lease.worker.id} is granted ${lease.gpu.uuid} asleep`);
  checkBeside(tables, lease);
  const added = { gpu: lease.gpu.uuid, mode: lease.mode, vramBytes: lease.vramBytes };
  row.live = { ...row.live, leases: [...row.live.leases, added] };
}

/** What sleeps may stand beside anything, as long as all of it together fits. */
function checkBeside(tables: Tables, { worker, gpu, mode, vramBytes }: Lease): void {
  let bytes = vramBytes;
  for (const id of tables.liveWorkers) {
    for (const held of tables.workers.get(id)?.live.leases ?? []) {
      if (held.gpu !== gpu.uuid || id === worker.id) continue;
      bytes += held.vramBytes;
      const mayBe =
        mode === "residue" || held.mode === "residue" || (held.mode === "shared" && mode === "shared");
      assert(mayBe, `${gpu.uuid} is leased to worker ${worker.id} while worker ${id} has it`);
    }
  }
  const total = tables.gpus.get(gpu.uuid)?.totalBytes ?? 0;
  assert(bytes <= total, `${bytes} bytes of ${gpu.uuid} are leased, which has ${total}`);
}

/** A worker falls asleep or is woken: its lease becomes smaller, or is granted again. */
function resizeLease(tables: Tables, lease: Lease): void {
  const row = must(tables.workers.get(lease.worker.id), `a lease of unknown worker ${lease.worker.id}`);
  const { gpu, mode, vramBytes } = lease;
  const held = must(
    row.live.leases.find((each) => each.gpu === gpu.uuid),
    `worker ${row.live.id} changes a lease that it does not hold`,
  );
  assert(held.mode === "residue" || mode === "residue", `worker ${row.live.id} changes its lease awake`);
  checkBeside(tables, lease);
  const leases = row.live.leases.map((each) => (each === held ? { gpu: gpu.uuid, mode, vramBytes } : each));
  row.live = { ...row.live, leases };
}

function releaseLease(tables: Tables, lease: Lease): void {
  const row = must(tables.workers.get(lease.worker.id), `a lease of unknown worker ${lease.worker.id}`);
  const left = row.live.leases.filter((held) => held.gpu !== lease.gpu.uuid);
  assert(
    left.length + 1 === row.live.leases.length,
    `worker ${row.live.id} gives back what it does not hold`,
  );
  row.live = { ...row.live, leases: left };
}

function rows(tables: Tables): RestoredRows {
  return {
    lanes: [...tables.lanes.values()],
    gpus: [...tables.gpus.values()],
    accounts: [...tables.accounts.values()],
    runGroups: [...tables.runGroups.values()],
    arrays: [...tables.arrays.values()],
    workers: [...tables.liveWorkers].map((id) => must(tables.workers.get(id), "a live worker").live),
    jobs: [...tables.liveJobs].map((id) => must(tables.jobs.get(id), "a live job").live),
    nextJobId: tables.nextJobId,
    nextWorkerId: tables.nextWorkerId,
    lastFence: tables.lastFence,
    timetable: tables.timetable.rows(),
  };
}
