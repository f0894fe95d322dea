import type { NewJob } from "./events.ts";
import type { MissedPolicy } from "./missed-runs.ts";

/** Jobs that are submitted again and again, by a cron line. */
export interface Schedule {
  readonly id: number;
  /** Unique among the schedules that there are. */
  readonly name: string;
  readonly line: string;
  /** An IANA name. */
  readonly timeZone: string;
  readonly missed: MissedPolicy;
  /** Else a fire is skipped while jobs of the last one are unfinished. */
  readonly overlap: boolean;
  /** What is submitted, as text. Never looked at here. */
  readonly submission: string;
  readonly uid: number;
  readonly user: string;
  readonly createdAtMs: number;
  paused: boolean;
  /** Null while it is paused, or if it never fires again. */
  nextAtMs: number | null;
  /** Every fire up to here was dealt with. */
  doneMs: number;
  /** What it submitted last: consecutive ids. */
  lastJobs: JobRange | null;
  /** Why the last fire came to nothing; null = it did not. */
  lastError: string | null;
  /** The daemon was told to fire and has until then to do it. */
  firingUntilMs: number;
}

export interface JobRange {
  readonly firstId: number;
  readonly lastId: number;
}

/** A schedule as it is asked for. */
export type NewSchedule = Pick<
  Schedule,
  "name" | "line" | "timeZone" | "missed" | "overlap" | "submission" | "uid" | "user"
>;

export type ScheduleRequest =
  | { readonly type: "add-schedule"; readonly schedule: NewSchedule }
  /** A schedule that goes on does not make up for what it did not fire in the meantime. */
  | { readonly type: "pause-schedule"; readonly scheduleId: number; readonly paused: boolean }
  | { readonly type: "remove-schedule"; readonly scheduleId: number }
  /**
   * Submits what has come due. `plannedMs` is the fire that the effect was about, so that a fire which was dealt with
   * already changes nothing; null = once, now, whatever the line says. `error`: why there are no jobs to submit.
   */
  | {
      readonly type: "fire-schedule";
      readonly scheduleId: number;
      readonly plannedMs: number | null;
      readonly jobs: readonly NewJob[];
      readonly array?: { readonly maxActive: number | null } | undefined;
      readonly error: string | null;
    };

/** GPUs that only some may use for a while. */
export interface Reservation {
  readonly id: number;
  readonly name: string;
  /** UUIDs. */
  readonly gpus: readonly string[];
  readonly startAtMs: number;
  readonly endAtMs: number;
  /** Keys of the accounts that it is for. */
  readonly accounts: readonly string[];
  readonly uid: number;
  readonly user: string;
  /** Its start was dealt with. */
  hasBegun: boolean;
}

/** A reservation as it is asked for. */
export interface NewReservation
  extends Pick<Reservation, "name" | "startAtMs" | "endAtMs" | "accounts" | "uid" | "user"> {
  readonly count: number;
  /** UUIDs of the GPUs that are wanted; null = any. */
  readonly gpus: readonly string[] | null;
}

export type ReservationRequest =
  | { readonly type: "add-reservation"; readonly reservation: NewReservation }
  | { readonly type: "remove-reservation"; readonly reservationId: number };
