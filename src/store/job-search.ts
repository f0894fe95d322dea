import type { Filter } from "../std/filter/filter.ts";
import type { SortKey, SortValue } from "../std/filter/sort-keys.ts";
import type { Database } from "./database.ts";
import { type Compiled, type CompiledOrder, compileJobFilter, compileJobOrder } from "./job-filter.ts";
import { JOB_COLUMNS, type JobRow, type RawJob, toJob } from "./job-row.ts";

/** What is looked for among the jobs. */
export interface JobSearch {
  readonly filter: Filter;
  /** The order; none = newest first. */
  readonly sort: readonly SortKey[];
  /** What a job's own correlation id begins with; the job's id follows. */
  readonly correlationPrefix: string;
  /** Who looks: what others' jobs hide from this user is not compared. Null = may see everything. */
  readonly viewerUid: number | null;
}

/** Ids from `from` up to but not including `before`, and how many rows are wanted. */
interface IdRange {
  readonly from: number;
  readonly before: number;
  readonly limit: number;
}

/** A hit, and the values of the fields that it is ordered by. */
export interface RankedJob {
  readonly id: number;
  readonly values: readonly SortValue[];
}

/** A search over ranges of ids, each of which is one short read. */
export interface FoundJobs {
  /** Whether each row is a hit. If not, rows may be none: what the database does not know has to be looked at. */
  readonly isExact: boolean;
  /** The newest rows of a range, newest first. */
  page(range: IdRange): JobRow[];
  /** The first hits of a range in the order that was asked for; null where the database cannot tell. */
  readonly first: ((range: IdRange) => RankedJob[]) | null;
}

export interface JobSearches {
  searchJobs(search: JobSearch): FoundJobs;
  /** The largest id of a job; 0 = there is none. */
  newestJob(): number;
}

/** Searches in an open database. */
export function createJobSearch(db: Database): JobSearches {
  const newest = db.prepare("SELECT MAX(id) FROM jobs").pluck();
  return {
    newestJob: () => (newest.get() as number | null) ?? 0,
    searchJobs({ filter, sort, ...seen }) {
      const where = compileJobFilter(filter, seen);
      const order = compileJobOrder(sort, seen);
      const inRange = `WHERE j.id >= :from AND j.id < :before AND (${where.sql})`;
      const rows = db.prepare(`SELECT ${JOB_COLUMNS} ${inRange} ORDER BY j.id DESC LIMIT :limit`);
      return {
        isExact: where.isExact,
        page: (range) =>
          (rows.all({ ...where.values, ...range }) as RawJob[]).map((row) => toJob(row) as JobRow),
        first: !where.isExact || order === null ? null : ranker(db, { inRange, order, values: where.values }),
      };
    },
  };
}

interface Ranking {
  readonly inRange: string;
  readonly order: CompiledOrder;
  readonly values: Compiled["values"];
}

function ranker(db: Database, { inRange, order, values }: Ranking): (range: IdRange) => RankedJob[] {
  const columns = ["j.id", ...order.columns].join(", ");
  const statement = db
    .prepare(
      `SELECT ${columns} FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id ${inRange} ORDER BY ${order.sql} LIMIT :limit`,
    )
    .raw();
  return (range) =>
    (statement.all({ ...values, ...range }) as [number, ...SortValue[]][]).map(([id, ...found]) => ({
      id,
      values: found,
    }));
}
