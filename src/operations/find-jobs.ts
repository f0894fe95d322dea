import { jobFields } from "../protocol/list-fields.ts";
import type { JobView } from "../protocol/views.ts";
import { ownCorrelation } from "../std/correlation.ts";
import { allOf, type Comparison, type Filter } from "../std/filter/filter.ts";
import { matchFilter } from "../std/filter/match-filter.ts";
import { parseFilter } from "../std/filter/parse-filter.ts";
import { compareKeys, compareRows, parseSort, type SortKey } from "../std/filter/sort-keys.ts";
import { giveWay } from "../std/give-way.ts";
import { checkTimeZone, hostTimeZone } from "../std/time-zone.ts";
import type { FoundJobs, RankedJob } from "../store/job-search.ts";
import type { Context } from "./context.ts";
import { belowArray, foldArrays } from "./fold-arrays.ts";
import { viewJob } from "./job-view.ts";

/** Ids that one read looks at: where no index helps it takes some 2 ms, to order them all 5 ms. */
const RANGE = 5_000;
/** Rows that one read gives, and that are made into views, without giving way: 5 ms. */
const PAGE = 200;

/** What is looked for, as `GET /jobs` has it. */
export interface JobsAsked {
  readonly filter?: string | undefined;
  readonly sort?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly states?: readonly string[] | undefined;
  readonly runtime?: string | undefined;
  readonly array?: number | undefined;
  readonly before?: number | undefined;
  /** Of the hits in an array the newest alone. */
  readonly fold?: boolean | undefined;
  readonly limit: number;
}

/**
 * The jobs that meet a filter, in the order that was asked for, else newest first; and whether there are more. All jobs
 * there ever were may be looked at: that is done range by range, and others have their turn in between.
 * @throws Failure usage/invalid
 */
export async function findJobs(
  ctx: Context,
  asked: JobsAsked,
  signal: AbortSignal,
): Promise<{ jobs: JobView[]; hasMore: boolean }> {
  const filter = filterOf(ctx, asked);
  const sort = asked.sort === undefined ? [] : parseSort("the sort order", asked.sort, jobFields);
  const found = ctx.queries.searchJobs({
    filter,
    sort,
    viewerUid: null,
    correlationPrefix: ownCorrelation(ctx.host.instance, 0).slice(0, -1),
  });
  const isFolded = asked.fold === true;
  const search: Search = { ctx, found, filter, sort, isFolded, wanted: asked.limit + 1, signal };
  const newest = Math.min(asked.before ?? Number.MAX_SAFE_INTEGER, ctx.queries.newestJob() + 1);
  const best =
    found.first === null || sort.length === 0
      ? await lookAtEach(search, newest)
      : await rank(search, found.first, newest);
  return { jobs: best.slice(0, asked.limit), hasMore: best.length > asked.limit };
}

interface Search {
  readonly ctx: Context;
  readonly found: FoundJobs;
  readonly filter: Filter;
  readonly sort: readonly SortKey[];
  readonly isFolded: boolean;
  /** One more than is asked for: so it is known whether there are more. */
  readonly wanted: number;
  readonly signal: AbortSignal;
}

/** Makes views of what may be a hit, newest first, and keeps the best. */
async function lookAtEach(search: Search, newest: number): Promise<JobView[]> {
  const { ctx, found, filter, sort, isFolded, wanted, signal } = search;
  const limit = found.isExact ? Math.min(PAGE, wanted) : PAGE;
  const isEnough = (): boolean => sort.length === 0 && best.length >= wanted;
  let best: JobView[] = [];
  for (let before = newest; before > 1 && !signal.aborted && !isEnough(); await giveWay()) {
    const from = Math.max(1, before - RANGE);
    const rows = found.page({ from, before, limit });
    const looked = rows.map((row) => ({ id: row.id, arrayId: row.arrayId, job: viewJob(ctx, row) }));
    const hits = looked.filter(({ job }) => matchFilter(filter, job));
    const kept = isFolded ? foldArrays(hits) : hits;
    if (kept.length > 0) best = [...best, ...kept.map(({ job }) => job)];
    if (kept.length > 0 && sort.length > 0)
      best = best
        .sort((left, right) => compareRows(sort, left, right) || right.id - left.id)
        .slice(0, wanted);
    before = (rows.length < limit ? undefined : rows.at(-1)?.id) ?? from;
    const lowest = kept.at(-1);
    if (isFolded && lowest !== undefined && lowest.arrayId === rows.at(-1)?.arrayId)
      before = Math.min(before, belowArray(lowest));
  }
  return best;
}

/** Finds the ids in order first: only what is shown is made into views. */
async function rank(
  { ctx, sort, wanted, signal }: Search,
  first: NonNullable<FoundJobs["first"]>,
  newest: number,
): Promise<JobView[]> {
  let best: RankedJob[] = [];
  for (let before = newest; before > 1 && !signal.aborted; before -= RANGE) {
    const found = first({ from: Math.max(1, before - RANGE), before, limit: Math.min(wanted, RANGE) });
    if (found.length > 0) {
      best.push(...found);
      best = best
        .sort((left, right) => compareKeys(sort, left.values, right.values) || right.id - left.id)
        .slice(0, wanted);
    }
    await giveWay();
  }
  const jobs: JobView[] = [];
  for (const { id } of best) {
    const row = ctx.queries.job(id);
    if (row !== undefined) jobs.push(viewJob(ctx, row));
    if (jobs.length % PAGE === 0) await giveWay();
  }
  return jobs;
}

function filterOf(ctx: Context, asked: JobsAsked): Filter {
  const timeZone = asked.timeZone === undefined ? hostTimeZone() : checkTimeZone(asked.timeZone);
  const clock = { nowMs: ctx.clock.nowMs(), timeZone };
  const parts: Filter[] = [];
  if (asked.states !== undefined) parts.push(isOneOf("state", [...new Set(asked.states)]));
  if (asked.runtime !== undefined) parts.push(isOneOf("runtime", [asked.runtime]));
  if (asked.array !== undefined) parts.push(isOneOf("array.id", [asked.array]));
  if (asked.filter !== undefined) parts.push(parseFilter(asked.filter, jobFields, clock));
  return allOf(parts) ?? { kind: "and", parts: [] };
}

function isOneOf(path: string, values: readonly (string | number)[]): Comparison {
  return { kind: "compare", path, isTime: false, operator: "=", values };
}
