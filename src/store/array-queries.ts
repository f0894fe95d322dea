import type { Database } from "./database.ts";
import type { JobRow } from "./job-row.ts";

/** After this long a submission key may be used for something else. */
export const KEY_LIFE_MS = 7 * 86_400_000;

/** What a submission key stands for. */
export interface SubmissionRow {
  readonly digest: string;
  readonly firstJob: number;
  readonly jobs: number;
}

/** Jobs of an array that are in one state. */
export interface ArrayStateRow {
  readonly state: JobRow["state"];
  readonly jobs: number;
  readonly firstId: number;
  /** When the first of them started, and the last of them ended. */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
}

/** Reads about jobs that were asked for together. */
export interface ArrayQueries {
  /** What this user submitted under the key, if that is not too long ago. */
  submission(uid: number, key: string, nowMs: number): SubmissionRow | undefined;
  /** Ids of an array's jobs that are not over, from `from` up to but not including `before`, the last one first. */
  liveOfArray(arrayId: number, range: { from: number; before: number }): number[];
  /** Its jobs from `from` up to but not including `before`, by state. */
  statesOfArray(arrayId: number, range: { from: number; before: number }): ArrayStateRow[];
  /** The id of an array's last job; that of the first is the array's own. Undefined = there is none of this id. */
  lastOfArray(arrayId: number): number | undefined;
  /** By when the job has, or had, to be done. Milliseconds since 1970. */
  deadlineOf(jobId: number): number | null;
}

/** The reads of an open database, prepared once. */
export function createArrayQueries(db: Database): ArrayQueries {
  const submission = db.prepare(
    "SELECT digest, first_job AS firstJob, jobs FROM submission_keys WHERE uid = ? AND key = ? AND at >= ?",
  );
  const live = db
    .prepare(
      "SELECT id FROM jobs WHERE array_id = ? AND id >= ? AND id < ? AND finished_at IS NULL ORDER BY id DESC",
    )
    .pluck();
  const states = db.prepare(
    `SELECT state, COUNT(*) AS jobs, MIN(id) AS firstId, MIN(started_at) AS startedAtMs, MAX(finished_at) AS finishedAtMs
       FROM jobs WHERE array_id = ? AND id >= ? AND id < ? GROUP BY state`,
  );
  const last = db.prepare("SELECT MAX(id) FROM jobs WHERE array_id = ?").pluck();
  const deadline = db.prepare("SELECT json_extract(extras, '$.deadlineMs') FROM jobs WHERE id = ?").pluck();
  return {
    submission: (uid, key, nowMs) =>
      submission.get(uid, key, nowMs - KEY_LIFE_MS) as SubmissionRow | undefined,
    liveOfArray: (arrayId, { from, before }) => live.all(arrayId, from, before) as number[],
    statesOfArray: (arrayId, { from, before }) => states.all(arrayId, from, before) as ArrayStateRow[],
    lastOfArray: (arrayId) => (last.get(arrayId) as number | null) ?? undefined,
    deadlineOf: (jobId) => (deadline.get(jobId) as number | null | undefined) ?? null,
  };
}
