import type { LaneSpec, LeaseMode, WorkerPhase } from "../scheduler/model.ts";
import type { RestoredJob, RestoredRows, RestoredWorker } from "../scheduler/restore.ts";
import type { Database } from "./database.ts";

/** Reads everything that is not finished, for the scheduler's state to be rebuilt from. */
export function readRows(db: Database): RestoredRows {
  const number = (sql: string): number => (db.prepare(sql).pluck().get() as number | null) ?? 0;
  return {
    lanes: (db.prepare("SELECT spec, start_cost_ms, stop_cost_ms FROM lanes").all() as LaneRow[]).map(
      (row) => ({
        spec: JSON.parse(row.spec) as LaneSpec,
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
    phase: JSON.parse(row.phase) as WorkerPhase,
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
         hold FROM jobs WHERE state IN ('held','queued','starting','running') ORDER BY id`,
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
      ending: row.ending === null ? null : (JSON.parse(row.ending) as RestoredJob["ending"]),
      hold: row.hold === null ? null : (JSON.parse(row.hold) as RestoredJob["hold"]),
    });
  }
  return jobs;
}
