import type { ScheduleRow, TimetableRows } from "../scheduler/timetable-rows.ts";
import type { Changes } from "../scheduler/transition.ts";
import { type Database, damaged } from "./database.ts";

/** The statements that write schedules and reservations. */
export function timetableStatements(db: Database) {
  return {
    putSchedule: db.prepare(
      `INSERT INTO schedules (id, name, line, time_zone, missed, overlap, submission, uid, user, created_at, paused,
         next_at, done_at, first_job, last_job, last_error)
       VALUES (:id, :name, :line, :timeZone, :missed, :overlap, :submission, :uid, :user, :createdAt, :paused,
         :nextAt, :doneAt, :firstJob, :lastJob, :lastError)
       ON CONFLICT (id) DO UPDATE SET paused = excluded.paused, next_at = excluded.next_at, done_at = excluded.done_at,
         first_job = excluded.first_job, last_job = excluded.last_job, last_error = excluded.last_error`,
    ),
    removeSchedule: db.prepare("UPDATE schedules SET removed_at = ? WHERE id = ?"),
    putReservation: db.prepare(
      `INSERT INTO reservations (id, name, gpus, start_at, end_at, accounts, uid, user, has_begun)
       VALUES (:id, :name, :gpus, :startAt, :endAt, :accounts, :uid, :user, :hasBegun)
       ON CONFLICT (id) DO UPDATE SET has_begun = excluded.has_begun`,
    ),
    removeReservation: db.prepare("UPDATE reservations SET removed_at = ? WHERE id = ?"),
  };
}

/** Writes what a step changed of schedules and reservations. */
export function writeTimetable(sql: ReturnType<typeof timetableStatements>, changes: Changes): void {
  // Those that are gone first: their names are free then.
  for (const { id, atMs } of changes.schedulesRemoved) sql.removeSchedule.run(Math.floor(atMs), id);
  for (const schedule of changes.schedules) {
    const { id, name, line, timeZone, missed, submission, uid, user, lastJobs, lastError } = schedule;
    sql.putSchedule.run({
      ...{ id, name, line, timeZone, missed, submission, uid, user, lastError },
      overlap: schedule.overlap ? 1 : 0,
      createdAt: Math.floor(schedule.createdAtMs),
      paused: schedule.paused ? 1 : 0,
      nextAt: schedule.nextAtMs,
      doneAt: schedule.doneMs,
      firstJob: lastJobs?.firstId ?? null,
      lastJob: lastJobs?.lastId ?? null,
    });
  }
  for (const reservation of changes.reservations) {
    const { id, name, startAtMs, endAtMs, uid, user } = reservation;
    sql.putReservation.run({
      ...{ id, name, uid, user },
      gpus: JSON.stringify(reservation.gpus),
      startAt: startAtMs,
      endAt: endAtMs,
      accounts: JSON.stringify(reservation.accounts),
      hasBegun: reservation.hasBegun ? 1 : 0,
    });
  }
  for (const { id, atMs } of changes.reservationsRemoved) sql.removeReservation.run(Math.floor(atMs), id);
}

type StoredSchedule = Omit<ScheduleRow, "overlap" | "paused" | "lastJobs"> & {
  readonly overlap: number;
  readonly paused: number;
  readonly firstJob: number | null;
  readonly lastJob: number | null;
};

interface StoredReservation {
  readonly id: number;
  readonly name: string;
  readonly gpus: string;
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly accounts: string;
  readonly uid: number;
  readonly user: string;
  readonly hasBegun: number;
}

/** The schedules and reservations that there are. @throws Failure store/damaged */
export function readTimetable(db: Database): TimetableRows {
  const lastId = (table: string): number =>
    (db.prepare(`SELECT MAX(id) FROM ${table}`).pluck().get() as number | null) ?? 0;
  const schedules = db
    .prepare(
      `SELECT id, name, line, time_zone AS timeZone, missed, overlap, submission, uid, user, created_at AS createdAtMs,
         paused, next_at AS nextAtMs, done_at AS doneMs, first_job AS firstJob, last_job AS lastJob,
         last_error AS lastError FROM schedules WHERE removed_at IS NULL ORDER BY id`,
    )
    .all() as StoredSchedule[];
  const reservations = db
    .prepare(
      `SELECT id, name, gpus, start_at AS startAtMs, end_at AS endAtMs, accounts, uid, user, has_begun AS hasBegun
       FROM reservations WHERE removed_at IS NULL ORDER BY id`,
    )
    .all() as StoredReservation[];
  return {
    schedules: schedules.map(({ firstJob, lastJob, overlap, paused, ...row }) => ({
      ...row,
      overlap: overlap === 1,
      paused: paused === 1,
      lastJobs: firstJob === null || lastJob === null ? null : { firstId: firstJob, lastId: lastJob },
    })),
    reservations: reservations.map((row) => ({
      ...row,
      gpus: parseList(db, row.gpus),
      accounts: parseList(db, row.accounts),
      hasBegun: row.hasBegun === 1,
    })),
    nextScheduleId: lastId("schedules") + 1,
    nextReservationId: lastId("reservations") + 1,
  };
}

function parseList(db: Database, text: string): string[] {
  try {
    return JSON.parse(text) as string[];
  } catch (error) {
    throw damaged(db.name, "a row does not hold what orch wrote", error);
  }
}
