import type { Database } from "./database.ts";
import type { JobRow } from "./job-row.ts";

/** Sets of labels with one label of one value: those after `after` up to `upTo`. */
export interface LabelRange {
  readonly label: string;
  readonly value: string;
  readonly after: number;
  readonly upTo: number;
}

/** Jobs of a state, counted. */
export interface StateTally {
  readonly state: JobRow["state"];
  readonly jobs: number;
  readonly recent: number;
  readonly ran: number;
  readonly runMs: number;
}

/** Reads about the jobs that bear a label, by its index, piece by piece. */
export interface LabelledJobs {
  /** The next value of a label in order of the alphabet; undefined = there is no more. */
  nextValue(label: string, after: string): string | undefined;
  /** The end of a piece of at most `sets` sets of labels; undefined = there are none after `after`. */
  endOfPiece(asked: Omit<LabelRange, "upTo"> & { readonly sets: number }): number | undefined;
  /** @param uid null = of all users */
  tally(range: LabelRange, asked: { readonly sinceMs: number; readonly uid: number | null }): StateTally[];
  /** Ids of jobs in no order. @param states null = any. @param worker by its name; null = any */
  ids(
    range: LabelRange,
    asked: {
      readonly states: readonly string[] | null;
      readonly worker: string | null;
      readonly uid: number | null;
    },
  ): number[];
}

// The order of the tables is the one to read them in: jobs have ever so many rows without this label.
const IN_RANGE = `FROM labels l CROSS JOIN jobs j ON j.label_set = l.set_id
  WHERE l.name = :label AND l.value = :value AND l.set_id > :after AND l.set_id <= :upTo AND (:uid IS NULL OR j.uid = :uid)`;

/** The reads of an open database, prepared once. */
export function createLabelledJobs(db: Database): LabelledJobs {
  const next = db.prepare("SELECT MIN(value) FROM labels WHERE name = ? AND value > ?").pluck();
  const end = db
    .prepare(
      `SELECT MAX(set_id) FROM
         (SELECT set_id FROM labels WHERE name = :label AND value = :value AND set_id > :after ORDER BY set_id LIMIT :sets)`,
    )
    .pluck();
  const tally = db.prepare(
    `SELECT j.state, COUNT(*) AS jobs, SUM(j.submitted_at >= :sinceMs) AS recent,
       COUNT(j.finished_at - j.started_at) AS ran,
       COALESCE(SUM(MAX(0, j.finished_at - j.started_at)), 0) AS runMs ${IN_RANGE} GROUP BY j.state`,
  );
  const ids = db
    .prepare(
      `SELECT j.id ${IN_RANGE} AND (:states IS NULL OR j.state IN (SELECT value FROM json_each(:states)))
         AND (:worker IS NULL OR j.worker_id IN (SELECT id FROM workers WHERE name = :worker))`,
    )
    .pluck();
  return {
    nextValue: (label, after) => (next.get(label, after) as string | null) ?? undefined,
    endOfPiece: (asked) => (end.get(asked) as number | null) ?? undefined,
    tally: (range, asked) => tally.all({ ...range, ...asked }) as StateTally[],
    ids: (range, { states, worker, uid }) =>
      ids.all({
        ...range,
        ...{ worker, uid, states: states === null ? null : JSON.stringify(states) },
      }) as number[],
  };
}
