import type { LaneSpec, LeaseMode, WorkerPhase } from "../scheduler/model.ts";
import type { RestoredJob, RestoredRows, RestoredWorker } from "../scheduler/restore.ts";
import { type Database, damaged, translate } from "./database.ts";

/**
 * Reads everything that is not finished, for the scheduler's state to be rebuilt from. The jobs are read one by one as
 * they are asked for: a million of them never lie in memory twice.
 * @throws Failure store/damaged, also while the jobs are read, if the rows contradict each other: SQLite checks its
 * pages, not what stands in them.
 */
export function readRows(db: Database): RestoredRows {
  return translate(db.name, () => {
    const number = (sql: string): number => (db.prepare(sql).pluck().get() as number | null) ?? 0;
    const lanes = readLanes(db);
    const gpus = db
      .prepare(`SELECT uuid, idx AS "index", total_bytes AS totalBytes FROM gpus`)
      .all() as GpuRow[];
    const workers = readWorkers(db);
    const laneKeys = new Set(lanes.map(({ spec }) => spec.key));
    const flaw = findWorkerFlaw(workers, laneKeys, new Set(gpus.map(({ uuid }) => uuid)));
    if (flaw !== undefined) throw damaged(db.name, flaw);
    return {
      lanes,
      gpus,
      workers,
      jobs: readJobs(db, { laneKeys, workerIds: new Set(workers.map(({ id }) => id)) }),
      nextJobId: number("SELECT MAX(id) FROM jobs") + 1,
      nextWorkerId: number("SELECT MAX(id) FROM workers") + 1,
      lastFence: number("SELECT MAX(fence) FROM workers"),
    };
  });
}

/** The first contradiction between workers and the rest, in words. */
function findWorkerFlaw(
  workers: readonly RestoredWorker[],
  laneKeys: ReadonlySet<string>,
  uuids: ReadonlySet<string>,
): string | undefined {
  for (const worker of workers) {
    if (!laneKeys.has(worker.laneKey)) return `worker ${worker.id} is of an unknown lane`;
    if (worker.leases.some(({ gpu }) => !uuids.has(gpu))) return `worker ${worker.id} holds an unknown GPU`;
  }
  return undefined;
}

interface Known {
  readonly laneKeys: ReadonlySet<string>;
  readonly workerIds: ReadonlySet<number>;
}

function findJobFlaw({ laneKeys, workerIds }: Known, job: RestoredJob): string | undefined {
  const { id, state } = job;
  if (!laneKeys.has(job.laneKey)) return `job ${id} is of an unknown lane`;
  if (state === "held" && job.hold === null) return `job ${id} is held by nothing`;
  const isPlaced = state === "starting" || state === "running";
  return isPlaced && !workerIds.has(job.workerId ?? -1) ? `job ${id} runs on an unknown worker` : undefined;
}

function parse<T>(db: Database, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw damaged(db.name, "a row does not hold what orch wrote", error);
  }
}

const LIVE_STATES = ["held", "queued", "starting", "running"] as const;

interface LaneRow {
  readonly spec: string;
  readonly start_cost_ms: number | null;
  readonly stop_cost_ms: number | null;
}

interface GpuRow {
  readonly uuid: string;
  readonly index: number;
  readonly totalBytes: number;
}

interface WorkerRow {
  readonly id: number;
  readonly name: string;
  readonly lane: string;
  readonly fence: number;
  readonly created_at: number;
  readonly pinned: number;
  readonly phase: string;
}

function readLanes(db: Database): RestoredRows["lanes"] {
  const rows = db.prepare("SELECT spec, start_cost_ms, stop_cost_ms FROM lanes").all() as LaneRow[];
  return rows.map((row) => ({
    spec: parse<LaneSpec>(db, row.spec),
    startCostMs: row.start_cost_ms,
    stopCostMs: row.stop_cost_ms,
  }));
}

function readWorkers(db: Database): RestoredWorker[] {
  const leases = db.prepare(
    "SELECT gpu, mode, vram_bytes AS vramBytes FROM leases WHERE worker_id = ? AND released_at IS NULL",
  );
  const rows = db
    .prepare("SELECT * FROM workers WHERE state IN ('starting','ready','draining','stopping') ORDER BY id")
    .all() as WorkerRow[];
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    laneKey: row.lane,
    fence: row.fence,
    createdAtMs: row.created_at,
    pinned: row.pinned === 1,
    phase: parse<WorkerPhase>(db, row.phase),
    leases: leases.all(row.id) as { gpu: string; mode: LeaseMode; vramBytes: number }[],
  }));
}

interface JobRow {
  readonly id: number;
  readonly lane: string;
  readonly priority: number;
  readonly submitted_at: number;
  readonly retries: number;
  readonly time_limit_ms: number | null;
  readonly attempts: number;
  readonly state: RestoredJob["state"];
  readonly worker_id: number | null;
  readonly started_at: number | null;
  readonly ending: string | null;
  readonly hold: string | null;
}

/** State by state, each in order of ids, so that each lane's queue is filled at its end and nothing is sorted. */
function* readJobs(db: Database, known: Known): Generator<RestoredJob, void, undefined> {
  const inState = db.prepare(
    `SELECT id, lane, priority, submitted_at, retries, time_limit_ms, attempts, state, worker_id, started_at, ending,
       hold FROM jobs WHERE state = ? ORDER BY id`,
  );
  const counted = db.prepare("SELECT COALESCE(SUM(n), 0) FROM counters WHERE state = ?").pluck();
  try {
    for (const state of LIVE_STATES) {
      const expected = counted.get(state) as number;
      let found = 0;
      for (const row of inState.iterate(state) as IterableIterator<JobRow>) {
        const job = toJob(db, row);
        const flaw = findJobFlaw(known, job);
        if (flaw !== undefined) throw damaged(db.name, flaw);
        found += 1;
        yield job;
      }
      if (found !== expected)
        throw damaged(db.name, `${expected} jobs are counted as ${state}, ${found} found`);
    }
  } catch (error) {
    translate(db.name, () => {
      throw error;
    });
  }
}

function toJob(db: Database, row: JobRow): RestoredJob {
  return {
    id: row.id,
    laneKey: row.lane,
    priority: row.priority,
    submittedAtMs: row.submitted_at,
    retries: row.retries,
    timeLimitMs: row.time_limit_ms,
    attempts: row.attempts,
    state: row.state,
    workerId: row.worker_id,
    startedAtMs: row.started_at,
    ending: row.ending === null ? null : parse<RestoredJob["ending"]>(db, row.ending),
    hold: row.hold === null ? null : parse<RestoredJob["hold"]>(db, row.hold),
  };
}
