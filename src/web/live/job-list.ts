import type { ArrayStatus } from "../../protocol/array-status.ts";
import type { JobView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import type { JobQuery } from "../model/job-filter.ts";
import { appendPage, onePerArray, refreshRows } from "../model/job-rows.ts";
import { call } from "./api.ts";

const PAGE = 200;
const REFRESH_MS = 1_000;
/** What took the daemon long, since there are so many jobs in an array, is asked for so many times its length later. */
const REST = 20;
/** Jobs that come below what is seen are fetched when so few are left. */
const AHEAD = 60;
const NEWEST = Number.MAX_SAFE_INTEGER;

/** What a list of jobs holds so far, newest first. */
export interface JobRows {
  readonly rows: readonly JobView[];
  /** Arrays that are one row each, by their ids. */
  readonly arrays: ReadonlyMap<number, ArrayStatus>;
  /** Whether there are no older ones. */
  readonly isWhole: boolean;
  readonly error: unknown;
  /** Something came: before that, an empty list says nothing. */
  readonly isLoaded: boolean;
}

/** A list of jobs that grows as somebody scrolls down, of which what is seen is kept fresh. */
export interface JobList {
  get(): JobRows;
  /** These rows are seen now. */
  look(first: number, end: number): void;
  /** Looks again at what is seen, unless it has just been done. */
  refresh(): void;
  close(): void;
}

/** What is listed: jobs in some states, of an array, or with arrays as one row each. */
export interface ListQuery extends JobQuery {
  readonly states?: readonly JobView["state"][];
  readonly array?: number;
  readonly fold?: boolean;
}

/** A list that has not come yet. */
export const noRows: JobRows = { rows: [], arrays: new Map(), isWhole: false, error: null, isLoaded: false };

/** Begins at once. @param onChange hears of every change of what `get` gives */
export function createJobList(query: ListQuery, onChange: () => void): JobList {
  const controller = new AbortController();
  let state: JobRows = noRows;
  let restMs = REFRESH_MS;
  let seen = { first: 0, end: PAGE / 4 };
  let isBusy = false;
  let isStale = false;
  let timer: number | undefined;
  const set = (change: Partial<JobRows>): void => {
    state = { ...state, ...change };
    if (!controller.signal.aborted) onChange();
  };
  const fetchPage = async (before: number, limit: number): Promise<JobView[]> => {
    const cursor = before === NEWEST ? {} : { before };
    const startMs = systemClock.monotonicMs();
    const { jobs, arrays = [] } = await call("GET /jobs", { ...query, ...cursor, limit }, controller.signal);
    restMs = Math.max(REFRESH_MS, REST * (systemClock.monotonicMs() - startMs));
    state = { ...state, arrays: withArrays(state.arrays, arrays) };
    return jobs;
  };
  const work = async (act: () => Promise<void>): Promise<void> => {
    if (isBusy || controller.signal.aborted) return;
    isBusy = true;
    await act().catch((error: unknown) => set({ error }));
    isBusy = false;
    more();
  };
  const more = (): void => {
    const { rows, isWhole, isLoaded, error } = state;
    if (isWhole || !isLoaded || error !== null || seen.end + AHEAD < rows.length) return;
    void work(async () => {
      const page = await fetchPage(below(rows.at(-1), query), PAGE);
      set({ rows: appendPage(state.rows, page), isWhole: page.length < PAGE });
    });
  };
  const refresh = (): void => {
    if (timer !== undefined || isBusy) {
      isStale = true;
      return;
    }
    isStale = false;
    timer = window.setTimeout(() => {
      timer = undefined;
      if (isStale) refresh();
    }, restMs);
    void work(async () => {
      const { first, end } = seen;
      // From the top new ones push the others down; further below that would move what somebody reads.
      const before = first === 0 ? NEWEST : (state.rows[first]?.id ?? NEWEST - 1) + 1;
      const asked = state.isLoaded ? Math.min(PAGE, Math.max(50, end - first)) : PAGE;
      const page = await fetchPage(before, asked);
      const fresh = refreshRows(state.rows, page, { before, limit: asked });
      const rows = query.fold === true ? onePerArray(fresh) : fresh;
      set({ rows, isLoaded: true, error: null, isWhole: page.length < asked || state.isWhole });
    });
  };
  refresh();
  return {
    get: () => state,
    look(first, end) {
      seen = { first, end };
      more();
    },
    refresh,
    close() {
      controller.abort();
      window.clearTimeout(timer);
    },
  };
}

function withArrays(
  known: JobRows["arrays"],
  fresh: readonly ArrayStatus[],
): ReadonlyMap<number, ArrayStatus> {
  return new Map([...known, ...fresh.map((status) => [status.array, status] as const)]);
}

/** Where the page after this row begins. */
function below(row: JobView | undefined, { fold }: ListQuery): number {
  return (fold === true ? row?.array?.id : undefined) ?? row?.id ?? NEWEST;
}
