import type { JobView } from "../../protocol/views.ts";
import type { JobQuery } from "../model/job-filter.ts";
import { appendPage, refreshRows } from "../model/job-rows.ts";
import { call } from "./api.ts";

const PAGE = 200;
const REFRESH_MS = 1_000;
/** Jobs that come below what is seen are fetched when so few are left. */
const AHEAD = 60;
const NEWEST = Number.MAX_SAFE_INTEGER;

/** What a list of jobs holds so far, newest first. */
export interface JobRows {
  readonly rows: readonly JobView[];
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

/** Begins at once. @param onChange hears of every change of what `get` gives */
export function createJobList(
  query: JobQuery & { readonly states?: readonly JobView["state"][] },
  onChange: () => void,
): JobList {
  const controller = new AbortController();
  let state: JobRows = { rows: [], isWhole: false, error: null, isLoaded: false };
  let seen = { first: 0, end: PAGE / 4 };
  let isBusy = false;
  let isStale = false;
  let timer: number | undefined;
  const set = (change: Partial<JobRows>): void => {
    if (controller.signal.aborted) return;
    state = { ...state, ...change };
    onChange();
  };
  const fetchPage = async (before: number, limit: number): Promise<JobView[]> => {
    const cursor = before === NEWEST ? {} : { before };
    const { jobs } = await call("GET /jobs", { ...query, ...cursor, limit }, controller.signal);
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
      const page = await fetchPage(rows.at(-1)?.id ?? NEWEST, PAGE);
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
    }, REFRESH_MS);
    void work(async () => {
      const { first, end } = seen;
      // From the top new ones push the others down; further below that would move what somebody reads.
      const before = first === 0 ? NEWEST : (state.rows[first]?.id ?? NEWEST - 1) + 1;
      const limit = Math.min(PAGE, Math.max(50, end - first));
      const page = await fetchPage(before, state.isLoaded ? limit : PAGE);
      const asked = state.isLoaded ? limit : PAGE;
      const rows = refreshRows(state.rows, page, { before, limit: asked });
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
