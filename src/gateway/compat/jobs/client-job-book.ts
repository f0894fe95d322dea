import type { JobView } from "../../../protocol/views.ts";

/** Jobs of one app in one state. */
export interface ClientJobTally {
  readonly app: string;
  readonly state: JobView["state"];
  readonly jobs: number;
  /** Of these, those that were submitted since the time that was asked for. */
  readonly recent: number;
  /** Of these, those that ran to an end, and how long all of them ran. */
  readonly ran: number;
  readonly runMs: number;
}

/** Which jobs of clients are asked for; null = any. */
export interface ClientJobFilter {
  readonly app: string | null;
  readonly states: readonly JobView["state"][] | null;
  /** By its name. */
  readonly worker: string | null;
  /** Of this user; null = of everybody. */
  readonly uid: number | null;
}

/** What is on record of the jobs of clients, counted where it lies: other jobs cost nothing, others have their turn meanwhile. */
export interface ClientJobBook {
  tally(asked: { readonly sinceMs: number; readonly uid: number | null }): Promise<ClientJobTally[]>;
  /** The ids of a page, newest first, and how many jobs there are in all. */
  page(
    asked: ClientJobFilter & { readonly offset: number; readonly limit: number },
  ): Promise<{ readonly ids: readonly number[]; readonly total: number }>;
}
