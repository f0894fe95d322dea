import { nothingLearned, type RunStats } from "../scheduler/learned.ts";
import type { HeldMode } from "../scheduler/model.ts";
import type { AccountRow, ArrayRow, GpuRow, JobRow, LaneRow, Rows, WorkerRow } from "../scheduler/rows.ts";
import type { WorkerPhase } from "../scheduler/worker-phase.ts";
import { type Database, damaged, translate } from "./database.ts";
import { readTimetable } from "./timetable.ts";

/**
 * Reads everything that is not finished, for the scheduler's state to be rebuilt from. The jobs are read one by one as
 * they are asked for: a million of them never lie in memory twice.
 * @throws Failure store/damaged, also while the jobs are read, if the rows contradict each other: SQLite checks its
 * pages, not what stands in them.
 */
export function readRows(db: Database): Rows {
  return translate(db.name, () => {
    const number = (sql: string): number => (db.prepare(sql).pluck().get() as number | null) ?? 0;
    const lanes = readLanes(db);
    const gpuRows = db
      .prepare(`SELECT uuid, idx AS "index", total_bytes AS totalBytes, vendor, parent, quarantine FROM gpus`)
      .all() as (Omit<GpuRow, "quarantine"> & { quarantine: string | null })[];
    const gpus = gpuRows.map((row) => ({
      ...row,
      quarantine: parse<GpuRow["quarantine"]>(db, row.quarantine ?? "null"),
    }));
    const workers = readWorkers(db);
    const laneKeys = new Set(lanes.map(({ spec }) => spec.key));
    const flaw = findWorkerFlaw(workers, laneKeys, new Set(gpus.map(({ uuid }) => uuid)));
    if (flaw !== undefined) throw damaged(db.name, flaw);
    return {
      lanes,
      gpus,
      accounts: db
        .prepare("SELECT key, usage_ms AS usageMs, usage_at AS usageAtMs FROM accounts")
        .all() as AccountRow[],
      runGroups: readRunGroups(db),
      arrays: db.prepare("SELECT id, max_active AS maxActive FROM arrays").all() as ArrayRow[],
      workers,
      jobs: readJobs(db, { laneKeys, workerIds: new Set(workers.map(({ id }) => id)) }),
      nextJobId: number("SELECT MAX(id) FROM jobs") + 1,
      nextWorkerId: number("SELECT MAX(id) FROM workers") + 1,
      lastFence: number("SELECT MAX(fence) FROM workers"),
      timetable: readTimetable(db),
    };
  });
}

/** The first contradiction between workers and the rest, in words. */
function findWorkerFlaw(
  workers: readonly WorkerRow[],
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

function findJobFlaw({ laneKeys, workerIds }: Known, job: JobRow): string | undefined {
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

interface StoredWorker {
  readonly id: number;
  readonly name: string;
  readonly lane: string;
  readonly fence: number;
  readonly created_at: number;
  readonly pinned: number;
  readonly backfill_until: number | null;
  readonly phase: string;
}

/** Specs that an older version wrote lack what came later. */
const laterSpec = {
  gpuVendor: null,
  cpuCores: 0,
  ramBytes: 0,
  minReplicas: 0,
  minResidencyMs: 0,
  needsPreparation: null,
  sleep: null,
};

function readLanes(db: Database): LaneRow[] {
  const rows = db.prepare("SELECT spec, learned, arrivals FROM lanes").all() as {
    spec: string;
    learned: string | null;
    arrivals: string | null;
  }[];
  return rows.map((row) => ({
    spec: { ...laterSpec, ...parse<LaneRow["spec"]>(db, row.spec) },
    learned: { ...nothingLearned, ...parse<Partial<LaneRow["learned"]>>(db, row.learned ?? "{}") },
    arrivals: parse<LaneRow["arrivals"]>(db, row.arrivals ?? "null"),
  }));
}

function readRunGroups(db: Database): Rows["runGroups"] {
  const rows = db.prepare("SELECT key, run FROM run_groups").all() as { key: string; run: string }[];
  return rows.map(({ key, run }) => ({ key, run: parse<RunStats>(db, run) }));
}

function readWorkers(db: Database): WorkerRow[] {
  const leases = db.prepare(
    "SELECT gpu, mode, vram_bytes AS vramBytes FROM leases WHERE worker_id = ? AND released_at IS NULL",
  );
  const rows = db
    .prepare("SELECT * FROM workers WHERE state NOT IN ('gone','failed') ORDER BY id")
    .all() as StoredWorker[];
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    laneKey: row.lane,
    fence: row.fence,
    createdAtMs: row.created_at,
    pinned: row.pinned === 1,
    backfillUntilMs: row.backfill_until,
    phase: parse<WorkerPhase>(db, row.phase),
    leases: leases.all(row.id) as { gpu: string; mode: HeldMode; vramBytes: number }[],
  }));
}

interface StoredJob {
  readonly id: number;
  readonly lane: string;
  readonly priority: number;
  readonly submitted_at: number;
  readonly retries: number;
  readonly retry_delay_ms: number;
  readonly time_limit_ms: number | null;
  readonly user: string;
  readonly account_set: number | null;
  readonly preemptible: number;
  readonly estimate_key: string | null;
  readonly attempts: number;
  readonly state: JobRow["state"];
  readonly worker_id: number | null;
  readonly started_at: number | null;
  readonly ending: string | null;
  readonly hold: string | null;
  readonly extras: string | null;
}

/** State by state, each in order of ids, so that each lane's queue is filled at its end and nothing is sorted. */
function* readJobs(db: Database, known: Known): Generator<JobRow, void, undefined> {
  const inState = db.prepare(
    `SELECT id, lane, priority, submitted_at, retries, retry_delay_ms, time_limit_ms, user, account_set, preemptible,
       estimate_key, attempts, state, worker_id, started_at, ending, hold, extras
     FROM jobs WHERE state = ? ORDER BY id`,
  );
  const counted = db.prepare("SELECT COALESCE(SUM(n), 0) FROM counters WHERE state = ?").pluck();
  try {
    const accounts = readAccountSets(db);
    for (const state of LIVE_STATES) {
      const expected = counted.get(state) as number;
      let found = 0;
      for (const row of inState.iterate(state) as IterableIterator<StoredJob>) {
        const job = toJob(db, row, accounts);
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

type AccountKeys = JobRow["accounts"];

function readAccountSets(db: Database): Map<number, AccountKeys> {
  const rows = db.prepare("SELECT id, keys FROM account_sets").all() as { id: number; keys: string }[];
  return new Map(rows.map(({ id, keys }) => [id, parse<AccountKeys>(db, keys)]));
}

function toJob(db: Database, row: StoredJob, accounts: ReadonlyMap<number, AccountKeys>): JobRow {
  return {
    id: row.id,
    laneKey: row.lane,
    priority: row.priority,
    submittedAtMs: row.submitted_at,
    retries: row.retries,
    retryDelayMs: row.retry_delay_ms,
    timeLimitMs: row.time_limit_ms,
    accounts: accounts.get(row.account_set ?? -1) ?? [`user:${row.user}`],
    preemptible: row.preemptible === 1,
    estimateKey: row.estimate_key,
    attempts: row.attempts,
    state: row.state,
    workerId: row.worker_id,
    startedAtMs: row.started_at,
    ending: row.ending === null ? null : parse<JobRow["ending"]>(db, row.ending),
    hold: row.hold === null ? null : parse<JobRow["hold"]>(db, row.hold),
    extras: row.extras === null ? null : parse<JobRow["extras"]>(db, row.extras),
  };
}
