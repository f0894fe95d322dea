import type { Database } from "./database.ts";

/** The worker of one attempt of a job. */
export interface AttemptWorkerRow {
  readonly attempt: number;
  readonly workerId: number;
  readonly worker: string;
  readonly createdAtMs: number;
  /** Null of one-shot workers, too: they are their job. */
  readonly readyAtMs: number | null;
}

/** A lease that stood on a GPU before another was granted. */
export interface EarlierLeaseRow {
  readonly worker: string;
  readonly gpuIndex: number;
  readonly grantedAtMs: number;
  readonly releasedAtMs: number;
}

/** What a worker did, without words. */
export interface WorkerStepRow {
  readonly worker: string;
  readonly type: string;
  readonly atMs: number;
}

/** Reads about what has been. None shows what a job does or what came of it. */
export interface PastQueries {
  workersOfAttempts(jobId: number): AttemptWorkerRow[];
  /** Leases on the GPUs of a worker that were given back after `sinceMs` and before its own; the newest of each GPU. */
  leasesBefore(workerId: number, sinceMs: number): EarlierLeaseRow[];
  /** Steps of these workers between two events. Of a long time the last part only. */
  workerSteps(asked: {
    readonly workers: readonly string[];
    readonly fromSeq: number;
    readonly toSeq: number;
  }): WorkerStepRow[];
  /** Ids of a user's failed jobs that ended in this time and were not retried, oldest first; of the newest `limit`. */
  failedJobs(asked: {
    readonly uid: number;
    readonly sinceMs: number;
    readonly beforeMs: number;
    readonly runtime: string | null;
    readonly limit: number;
  }): number[];
  /** What jobs took that ended since then, the newest ends first; `after` a row of an earlier page. */
  usage(asked: {
    readonly sinceMs: number;
    readonly after: Pick<UsageRow, "id" | "finishedAtMs"> | null;
    /** Of this user's jobs alone; null = of all. */
    readonly uid: number | null;
    readonly limit: number;
  }): UsageRow[];
  /** Ids of jobs that ended before then, oldest ends first, and never the newest job; `uid` null = of all users. */
  endedBefore(asked: {
    readonly beforeMs: number;
    readonly states: readonly string[];
    readonly runtime: string | null;
    readonly uid: number | null;
    readonly limit: number;
  }): number[];
}

/** What a finished job took. */
export interface UsageRow {
  readonly id: number;
  readonly uid: number;
  readonly user: string;
  readonly runtime: string;
  readonly state: "succeeded" | "failed" | "cancelled";
  readonly submittedAtMs: number;
  /** Of the last attempt; null if it never ran. */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number;
  /** GPUs times milliseconds of all attempts; a shared lease counts by its share of the memory. */
  readonly gpuMs: number;
  /** The resident worker that served it last; null without one. */
  readonly residentId: number | null;
  /** Null = the GPUs' power was not to be measured. */
  readonly energyJ: number | null;
}

/** So many leases of each GPU are looked at, and so many events. */
const LEASES_LOOKED_AT = 50;
const EVENTS_LOOKED_AT = 20_000;
const STEPS_MAX = 1000;

// A lease whose worker sleeps was of either mode: it counts as one of a whole GPU.
const usageSql = `SELECT j.id, j.uid, j.user, j.runtime, j.state, j.submitted_at AS submittedAtMs,
    COALESCE(j.started_at, (SELECT MAX(started_at) FROM attempts WHERE job_id = j.id)) AS startedAtMs,
    j.finished_at AS finishedAtMs, j.energy_j AS energyJ,
    (SELECT w.id FROM workers w WHERE w.id = j.worker_id AND w.ready_at IS NOT NULL) AS residentId,
    COALESCE((SELECT SUM((COALESCE(a.finished_at, j.finished_at) - a.started_at) * (
      SELECT COALESCE(SUM(CASE l.mode WHEN 'shared' THEN CAST(l.vram_bytes AS REAL) / MAX(1, g.total_bytes) ELSE 1 END), 0)
      FROM leases l JOIN gpus g ON g.uuid = l.gpu WHERE l.worker_id = a.worker_id))
      FROM attempts a WHERE a.job_id = j.id), 0) AS gpuMs
  FROM jobs j WHERE j.finished_at >= :sinceMs AND (j.finished_at, j.id) < (:endMs, :endId) AND (:uid IS NULL OR j.uid = :uid)
  ORDER BY j.finished_at DESC, j.id DESC LIMIT :limit`;

/** The reads of an open database, prepared once. */
export function createPastQueries(db: Database): PastQueries {
  const ofAttempts = db.prepare(
    `SELECT a.attempt, w.id AS workerId, w.name AS worker, w.created_at AS createdAtMs, w.ready_at AS readyAtMs
     FROM attempts a JOIN workers w ON w.id = a.worker_id WHERE a.job_id = ? ORDER BY a.attempt`,
  );
  const ownLeases = db.prepare("SELECT gpu, fence FROM leases WHERE worker_id = ?");
  const earlier = db.prepare(
    `SELECT w.name AS worker, g.idx AS gpuIndex, l.granted_at AS grantedAtMs, l.released_at AS releasedAtMs
     FROM (SELECT * FROM leases WHERE gpu = :gpu AND fence < :fence ORDER BY fence DESC LIMIT ${LEASES_LOOKED_AT}) l
     JOIN workers w ON w.id = l.worker_id JOIN gpus g ON g.uuid = l.gpu
     WHERE l.released_at > :sinceMs ORDER BY l.fence`,
  );
  const steps = db.prepare(
    `SELECT worker, type, at AS atMs FROM events
     WHERE seq BETWEEN :fromSeq AND :toSeq AND worker IN (SELECT value FROM json_each(:workers))
     ORDER BY seq LIMIT ${STEPS_MAX}`,
  );
  const failed = db
    .prepare(
      `SELECT id FROM (SELECT j.id FROM jobs j WHERE j.finished_at >= :sinceMs
         AND j.finished_at < :beforeMs AND j.state = 'failed' AND j.uid = :uid
         AND (:runtime IS NULL OR j.runtime = :runtime)
         AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.retry_of = j.id)
       ORDER BY j.finished_at DESC LIMIT :limit) ORDER BY id`,
    )
    .pluck();
  const ended = db
    .prepare(
      `SELECT id FROM jobs WHERE finished_at < :beforeMs AND state IN (SELECT value FROM json_each(:states))
         AND (:runtime IS NULL OR runtime = :runtime) AND (:uid IS NULL OR uid = :uid)
         AND id < (SELECT MAX(id) FROM jobs) ORDER BY finished_at LIMIT :limit`,
    )
    .pluck();
  const usage = db.prepare(usageSql);
  return {
    failedJobs: (asked) => failed.all(asked) as number[],
    endedBefore: ({ states, ...asked }) =>
      ended.all({ ...asked, states: JSON.stringify(states) }) as number[],
    usage: ({ after, ...asked }) =>
      usage.all({
        ...asked,
        endMs: after?.finishedAtMs ?? Number.MAX_SAFE_INTEGER,
        endId: after?.id ?? Number.MAX_SAFE_INTEGER,
      }) as UsageRow[],
    workersOfAttempts: (jobId) => ofAttempts.all(jobId) as AttemptWorkerRow[],
    leasesBefore(workerId, sinceMs) {
      const own = ownLeases.all(workerId) as { gpu: string; fence: number }[];
      return own.flatMap((lease) => earlier.all({ ...lease, sinceMs }) as EarlierLeaseRow[]);
    },
    workerSteps({ workers, fromSeq, toSeq }) {
      const first = Math.max(fromSeq, toSeq - EVENTS_LOOKED_AT);
      return steps.all({ workers: JSON.stringify(workers), fromSeq: first, toSeq }) as WorkerStepRow[];
    },
  };
}
