import { giveWay } from "../std/give-way.ts";
import type { JobFilter, JobRow, Queries } from "../store/queries.ts";
import { belowArray, foldArrays } from "./fold-arrays.ts";

/** Rows that are read, and made into views, without giving way: 5 ms. */
const PAGE = 200;
/** Most rows of a page may be of one array, and all but one of these are read for nothing. */
const FOLDED_PAGE = 20;
/** Jobs of a runtime are in no index: so many ids are looked through without giving way. */
const RANGE = 4_000;

/**
 * The rows of a listing, page by page, between which others have their turn of the event loop.
 * @param filter with `fold`, newest first alone, an array is one row: the newest of its jobs that are looked for
 */
export async function* jobPages(
  queries: Pick<Queries, "jobs" | "newestJob">,
  filter: JobFilter & { readonly fold?: boolean },
): AsyncGenerator<readonly JobRow[], void, undefined> {
  const range = filter.runtime === null ? Number.MAX_SAFE_INTEGER : RANGE;
  const isAscending = (filter.after ?? null) !== null;
  let before = Math.min(filter.before ?? Number.MAX_SAFE_INTEGER, queries.newestJob() + 1);
  let from = (filter.after ?? 0) + 1;
  for (let left = filter.limit; left > 0 && from < before; await giveWay()) {
    const part = isAscending
      ? { after: from - 1, before: Math.min(before, from + range) }
      : { from: Math.max(from, before - range), before };
    const limit = Math.min(filter.fold === true ? FOLDED_PAGE : PAGE, left);
    const rows = queries.jobs({ ...filter, ...part, limit });
    const shown = filter.fold === true ? foldArrays(rows) : rows;
    left -= shown.length;
    yield shown;
    const last = rows.length < limit ? undefined : rows.at(-1);
    if (isAscending) from = last === undefined ? part.before : last.id + 1;
    else before = last?.id ?? part.from ?? from;
    const lowest = filter.fold === true ? rows.at(-1) : undefined;
    if (lowest !== undefined) before = Math.min(before, belowArray(lowest));
  }
}
