import { giveWay } from "../std/give-way.ts";
import type { Database } from "./database.ts";

/** Keeps the commit of a large transaction short. */
export interface Spiller {
  /** The open transaction becomes a large one: its pages stay in memory until `spill`. */
  expectMuch(): void;
  /** Writes them to the log, giving way: `COMMIT` then has little left to do. @throws what SQLite throws; all is rolled back then */
  spill(): Promise<void>;
  /** The transaction is over. */
  end(): void;
}

/** SQLite keeps so much of a transaction back until its commit. KiB. */
const USUAL_CACHE = 16_000;
/**
 * A page that is written to the log, changed and written again costs a commit the checksums of all that follows it there:
 * 3 µs for each page. So none is written before all have been changed: 100,000 jobs change 45 MB. KiB.
 */
const LARGE_CACHE = 64_000;
/** With a cache as small as this each page that is read drives a changed one out, while more than this is changed. KiB. */
const SMALL_CACHE = 40;
const PAGE_KIB = 4;
/** Pages that are driven out between two looks at the clock, which is half a millisecond. */
const AT_ONCE = 32;
/** Measured: 18 rows that an array's hold changes share a page. What is added in new pages is counted apart. */
const ROWS_OF_A_PAGE = 8;

/** A spiller for an open database in WAL mode. */
export function createSpiller(db: Database): Spiller {
  // SQLite has a call for it (sqlite3_db_cacheflush), which the driver lacks. The page of a table that no step changes is not in
  // a cache that is full of changed ones.
  const readPage = db.prepare("SELECT 1 FROM api_keys LIMIT 1").pluck();
  const counts = db.prepare<[], { pages: number; rows: number }>(
    "SELECT page_count AS pages, total_changes() AS rows FROM pragma_page_count()",
  );
  const now = () => counts.get() ?? { pages: 0, rows: 0 };
  const setCache = (kib: number): void => void db.pragma(`cache_size = ${-kib}`);
  let since: ReturnType<typeof now> | null = null;
  const changedPages = ({ pages, rows }: ReturnType<typeof now>): number => {
    const { pages: nowPages, rows: nowRows } = now();
    const changed = nowPages - pages + Math.ceil((nowRows - rows) / ROWS_OF_A_PAGE);
    return Math.min(LARGE_CACHE / PAGE_KIB, changed);
  };
  return {
    expectMuch() {
      since = now();
      setCache(LARGE_CACHE);
    },
    async spill() {
      const began = since;
      if (began === null) return;
      const most = changedPages(began);
      setCache(SMALL_CACHE);
      for (let pages = 0; pages < most; pages += AT_ONCE) {
        for (let count = 0; count < AT_ONCE; count += 1) readPage.get();
        await giveWay();
        if (since !== began || !db.open) return;
      }
    },
    end() {
      if (since === null) return;
      since = null;
      setCache(USUAL_CACHE);
    },
  };
}
