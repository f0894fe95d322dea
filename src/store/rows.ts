import type { LaneSpec, LeaseMode, WorkerPhase } from "../scheduler/model.ts";
import type { RestoredJob, RestoredRows, RestoredWorker } from "../scheduler/restore.ts";
import { type Database, damaged, translate } from "./database.ts";

/**
 * Reads everything that is not finished, for the scheduler's state to be rebuilt from.
 * @throws Failure store/damaged if the rows contradict each other: SQLite checks its pages, not what stands in them.
 */
export function readRows(db: Database): RestoredRows {
  return translate(db.name, () => {
    const rows = readAll(db);
    const flaw = findFlaw(db, rows);
    if (flaw !== undefined) throw damaged(db.name, flaw);
    return rows;
  });
}

type AllRows = RestoredRows & { readonly jobs: readonly RestoredJob[] };

function readAll(db: Database): AllRows {
  const number = (sql: string): number => (db.prepare(sql).pluck().get() as number | null) ?? 0;
  return {
    lanes: (db.prepare("SELECT spec, start_cost_ms, stop_cost_ms FROM lanes").all() as LaneRow[]).map(
      (row) => ({
        spec: parse<LaneSpec>(db, row.spec),
        startCostMs: row.start_cost_ms,
        stopCostMs: row.stop_cost_ms,
      }),
    ),
    gpus: db.prepare(`SELECT uuid, idx AS "index", total_bytes AS totalBytes FROM gpus`).all() as GpuRow[],
    workers: readWorkers(db),
    jobs: readJobs(db),
    nextJobId: number("SELECT MAX(id) FROM jobs") + 1,
    nextWorkerId: number("SELECT MAX(id) FROM workers") + 1,
    lastFence: number("SELECT MAX(fence) FROM workers"),
  };
}

/** The first contradiction between rows, in words. Costs one look at each. */
function findFlaw(db: Database, { lanes, gpus, workers, jobs }: AllRows): string | undefined {
  const laneKeys = new Set(lanes.map(({ spec }) => spec.key));
  const uuids = new Set(gpus.map(({ uuid }) => uuid));
  const workerIds = new Set(workers.map(({ id }) => id));
  for (const worker of workers) {
    if (!laneKeys.has(worker.laneKey)) return `worker ${worker.id} is of an unknown lane`;
    if (worker.leases.some(({ gpu }) => !uuids.has(gpu))) return `worker ${worker.id} holds an unknown GPU`;
  }
  for (const { id, laneKey, state, workerId, hold } of jobs) {
    if (!laneKeys.has(laneKey)) return `job ${id} is of an unknown lane`;
    if (state === "held" && hold === null) return `job ${id} is held by nothing`;
    const isPlaced = state === "starting" || state === "running";
    if (isPlaced && !workerIds.has(workerId ?? -1)) return `job ${id} runs on an unknown worker`;
  }
  const counted = db
    .prepare(`SELECT COALESCE(SUM(n), 0) FROM counters WHERE state IN (${LIVE_JOBS})`)
    .pluck();
  const expected = counted.get() as number;
  return jobs.length === expected
    ? undefined
    : `${expected} unfinished jobs are counted, ${jobs.length} found`;
}

function parse<T>(db: Database, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw damaged(db.name, "a row does not hold what orch wrote", error);
  }
}

const LIVE_JOBS = "'held','queued','starting','running'";

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

/** In order of their ids, so that each lane's queue is filled at its end. */
function readJobs(db: Database): RestoredJob[] {
  const rows = db
    .prepare(
      `SELECT id, lane, priority, submitted_at, retries, time_limit_ms, attempts, state, worker_id, started_at, ending,
         hold FROM jobs WHERE state IN (${LIVE_JOBS}) ORDER BY id`,
    )
    .iterate() as IterableIterator<JobRow>;
  const jobs: RestoredJob[] = [];
  for (const row of rows) {
    jobs.push({
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
    });
  }
  return jobs;
}
