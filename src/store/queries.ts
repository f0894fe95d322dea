import type { TermsRow } from "../scheduler/terms.ts";
import { type ArrayQueries, createArrayQueries } from "./array-queries.ts";
import type { Database } from "./database.ts";
import { createGpuHistoryQueries, type GpuHistoryQueries } from "./gpu-history-queries.ts";
import { JOB_COLUMNS, type JobRow, type RawJob, toJob } from "./job-row.ts";
import { createJobSearch, type JobSearches } from "./job-search.ts";
import { createPastQueries, type PastQueries } from "./past-queries.ts";

export type { JobRow };

export interface AttemptRow {
  readonly attempt: number;
  readonly worker: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
  readonly outcome: string | null;
  readonly exitCode: number | null;
}

export interface EventRow {
  readonly seq: number;
  readonly atMs: number;
  readonly type: string;
  readonly jobId: number | null;
  /** That the job was given; null = none, or no job. */
  readonly correlation: string | null;
  readonly worker: string | null;
  readonly gpu: string | null;
  readonly text: string;
}

export interface WorkerRow {
  readonly id: number;
  readonly name: string;
  readonly lane: string;
  readonly runtime: string;
  readonly fence: number;
  readonly state: string;
  readonly pinned: number;
  readonly identity: string | null;
  readonly endpoint: string | null;
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
  readonly goneAtMs: number | null;
  readonly exitCode: number | null;
  readonly detail: string | null;
}

/** A finished job as statistics see it, and the worker that served it, if a resident one did. */
export interface FinishedRow {
  readonly id: number;
  readonly runtime: string;
  readonly state: "succeeded" | "failed" | "cancelled";
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number;
  readonly workerId: number | null;
  readonly workerCreatedAtMs: number | null;
  /** Null of one-shot workers, too: they are their job. */
  readonly workerReadyAtMs: number | null;
}

/** A finished job that ran, as a trace has it. */
export interface FinishedRun {
  readonly id: number;
  readonly lane: string;
  readonly user: string;
  readonly priority: number;
  readonly submittedAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** GPUs that its worker held, and the size of its lease on each if it was shared. */
  readonly gpus: number;
  readonly sharedBytes: number | null;
}

export interface JobFilter {
  /** Each at most once; null = all. */
  readonly states: readonly string[] | null;
  readonly runtime: string | null;
  readonly array?: number | null;
  readonly before: number | null;
  /** Given, the oldest after this job come, oldest first; otherwise the newest, newest first. */
  readonly after?: number | null;
  /** The lowest id that is looked at. */
  readonly from?: number;
  readonly limit: number;
}

/** Reads for views and for handing jobs over. All are indexed but jobs by runtime: none costs more with a longer queue. */
export interface Queries extends ArrayQueries, JobSearches, PastQueries, GpuHistoryQueries {
  job(id: number): JobRow | undefined;
  jobs(filter: JobFilter): JobRow[];
  /** Jobs by state, from counters that each commit keeps. */
  counts(): Record<string, number>;
  /** The newest finished jobs older than job `before`, newest first. */
  newestFinished(page: { before: number; limit: number }): FinishedRow[];
  /** Finished jobs that ran, oldest first, from the one after job `after` on. */
  finishedRuns(page: { after: number; limit: number }): FinishedRun[];
  environment(jobId: number): Record<string, string> | null;
  /** The terms a job was submitted with, so that a retry has the same. */
  termsOf(jobId: number): TermsRow;
  attempts(jobId: number): AttemptRow[];
  events(filter: { jobId: number | null; after: number; limit: number }): EventRow[];
  lastEventSeq(): number;
  worker(id: number): WorkerRow | undefined;
  /** The newest worker of that name. */
  workerByName(name: string): WorkerRow | undefined;
  /** Ids of jobs that were given this correlation id, oldest first: the newest `limit` of them. */
  jobsOfCorrelation(correlation: string, limit: number): number[];
  /** Newest first; `live` leaves out those that are gone. */
  workers(filter: { live: boolean; limit: number }): WorkerRow[];
  /** UUIDs of the GPUs that a worker holds or held. */
  gpusOf(workerId: number): string[];
  meta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
}

const WORKER_COLUMNS = `id, name, lane, runtime, fence, state, pinned, identity, endpoint, created_at AS createdAtMs,
  ready_at AS readyAtMs, gone_at AS goneAtMs, exit_code AS exitCode, detail FROM workers`;
const EVENT_COLUMNS = `seq, at AS atMs, type, job_id AS jobId, worker, gpu, text,
  (SELECT correlation FROM jobs WHERE id = job_id) AS correlation FROM events`;
const LIVE_WORKERS = "state NOT IN ('gone','failed')";

const FINISHED_STATES = ["succeeded", "failed", "cancelled"];
// A run that is over before the scheduler heard of its start has none on the job, but on its attempt.
const STARTED_AT = `COALESCE(j.started_at,
  (SELECT a.started_at FROM attempts a WHERE a.job_id = j.id AND a.attempt = j.attempts))`;
// Each state is a walk of its own along the index: unfinished jobs cost no look.
const walkFinished = (columns: string, order: string): string =>
  FINISHED_STATES.map(
    (state) =>
      `SELECT * FROM (SELECT ${columns} AND j.state = '${state}' ORDER BY j.id ${order} LIMIT :limit)`,
  ).join(" UNION ALL ");
const newestFinishedSql = `${walkFinished(
  `j.id AS id, j.runtime, j.state, j.submitted_at AS submittedAtMs, ${STARTED_AT} AS startedAtMs,
     j.finished_at AS finishedAtMs, j.worker_id AS workerId, w.created_at AS workerCreatedAtMs,
     w.ready_at AS workerReadyAtMs FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id WHERE j.id < :before`,
  "DESC",
)} ORDER BY id DESC LIMIT :limit`;
const finishedRunsSql = `${walkFinished(
  `j.id, j.lane, j.user, j.priority, j.submitted_at AS submittedAtMs, ${STARTED_AT} AS startedAtMs,
     j.finished_at AS finishedAtMs, (SELECT COUNT(*) FROM leases l WHERE l.worker_id = j.worker_id) AS gpus,
     (SELECT MAX(l.vram_bytes) FROM leases l WHERE l.worker_id = j.worker_id AND l.mode = 'shared') AS sharedBytes
     FROM jobs j WHERE j.id > :after AND ${STARTED_AT} IS NOT NULL`,
  "ASC",
)} ORDER BY id LIMIT :limit`;

/** The reads of an open database, prepared once. */
export function createQueries(db: Database): Queries {
  const job = db.prepare(`SELECT ${JOB_COLUMNS} WHERE j.id = ?`);
  const counts = db.prepare("SELECT state, n FROM counters");
  const newestFinished = db.prepare(newestFinishedSql);
  const finishedRuns = db.prepare(finishedRunsSql);
  const environment = db
    .prepare("SELECT variables FROM environments WHERE id = (SELECT environment_id FROM jobs WHERE id = ?)")
    .pluck();
  const attempts = db.prepare(
    `SELECT a.attempt, w.name AS worker, a.started_at AS startedAtMs, a.finished_at AS finishedAtMs, a.outcome,
       a.exit_code AS exitCode FROM attempts a JOIN workers w ON w.id = a.worker_id WHERE a.job_id = ? ORDER BY a.attempt`,
  );
  const jobEvents = db.prepare(`SELECT ${EVENT_COLUMNS} WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?`);
  const allEvents = db.prepare(`SELECT ${EVENT_COLUMNS} WHERE seq > ? ORDER BY seq LIMIT ?`);
  const lastSeq = db.prepare("SELECT MAX(seq) FROM events").pluck();
  const worker = db.prepare(`SELECT ${WORKER_COLUMNS} WHERE id = ?`);
  const workerByName = db.prepare(`SELECT ${WORKER_COLUMNS} WHERE name = ? ORDER BY id DESC LIMIT 1`);
  const ofCorrelation = db
    .prepare("SELECT id FROM jobs WHERE correlation = ? ORDER BY id DESC LIMIT ?")
    .pluck();
  const gpusOf = db.prepare("SELECT gpu FROM leases WHERE worker_id = ? ORDER BY gpu").pluck();
  const meta = db.prepare("SELECT value FROM meta WHERE key = ?").pluck();
  const setMeta = db.prepare(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  return {
    job: (id) => toJob(job.get(id) as RawJob | undefined),
    jobs: (filter) => listJobs(db, filter),
    counts: () =>
      Object.fromEntries((counts.all() as { state: string; n: number }[]).map((row) => [row.state, row.n])),
    termsOf: (jobId) => readTerms(db, jobId),
    newestFinished: (page) => newestFinished.all(page) as FinishedRow[],
    finishedRuns: (page) => finishedRuns.all(page) as FinishedRun[],
    environment(jobId) {
      const variables = environment.get(jobId) as string | undefined;
      return variables === undefined ? null : (JSON.parse(variables) as Record<string, string>);
    },
    attempts: (jobId) => attempts.all(jobId) as AttemptRow[],
    ...createArrayQueries(db),
    ...createJobSearch(db),
    ...createPastQueries(db),
    ...createGpuHistoryQueries(db),
    events: ({ jobId, after, limit }) =>
      (jobId === null ? allEvents.all(after, limit) : jobEvents.all(jobId, after, limit)) as EventRow[],
    lastEventSeq: () => (lastSeq.get() as number | null) ?? 0,
    worker: (id) => worker.get(id) as WorkerRow | undefined,
    workerByName: (name) => workerByName.get(name) as WorkerRow | undefined,
    jobsOfCorrelation: (correlation, limit) => (ofCorrelation.all(correlation, limit) as number[]).reverse(),
    workers: ({ live, limit }) =>
      db
        .prepare(`SELECT ${WORKER_COLUMNS} ${live ? `WHERE ${LIVE_WORKERS}` : ""} ORDER BY id DESC LIMIT ?`)
        .all(limit) as WorkerRow[],
    gpusOf: (workerId) => gpusOf.all(workerId) as string[],
    meta: (key) => meta.get(key) as string | undefined,
    setMeta: (key, value) => void setMeta.run(key, value),
  };
}

/** Each state is a walk of its own along the index, so rare states cost no look at all the others. */
function listJobs(db: Database, filter: JobFilter): JobRow[] {
  const { states, runtime, array = null, before, after = null, from = 0, limit } = filter;
  const order = after === null ? "DESC" : "ASC";
  const ofRuntime = `${runtime === null ? "" : "AND j.runtime = :runtime"} ${array === null ? "" : "AND j.array_id = :array"}`;
  const walk = (state: string): string =>
    `SELECT * FROM (SELECT ${JOB_COLUMNS} WHERE j.id < :before AND j.id > :after ${state} ${ofRuntime} ORDER BY j.id ${order} LIMIT :limit)`;
  const walks = states === null ? [walk("")] : states.map((_, index) => walk(`AND j.state = :state${index}`));
  if (walks.length === 0) return [];
  const values = {
    before: before ?? Number.MAX_SAFE_INTEGER,
    after: Math.max(after ?? 0, from - 1),
    limit,
    ...(runtime === null ? {} : { runtime }),
    ...(array === null ? {} : { array }),
    ...Object.fromEntries((states ?? []).map((state, index) => [`state${index}`, state])),
  };
  const sql = `${walks.join(" UNION ALL ")} ORDER BY id ${order} LIMIT :limit`;
  return (db.prepare(sql).all(values) as RawJob[]).map((row) => toJob(row) as JobRow);
}

function readTerms(db: Database, jobId: number): TermsRow {
  const row = db
    .prepare(
      `SELECT priority, retries, retry_delay_ms AS retryDelayMs, time_limit_ms AS timeLimitMs, preemptible,
         estimate_key AS estimateKey, user, keys
       FROM jobs LEFT JOIN account_sets ON account_sets.id = account_set WHERE jobs.id = ?`,
    )
    .get(jobId) as Omit<TermsRow, "accounts" | "preemptible"> & {
    preemptible: number;
    user: string;
    keys: string | null;
  };
  const { user, keys, preemptible, ...terms } = row;
  const accounts = keys === null ? ([`user:${user}`] as const) : (JSON.parse(keys) as TermsRow["accounts"]);
  return { ...terms, accounts, preemptible: preemptible === 1 };
}
