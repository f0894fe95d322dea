import type { State } from "./model.ts";
import { watchReservation } from "./reservations.ts";
import { watchSchedule } from "./schedules.ts";
import type { Reservation, Schedule } from "./timetable.ts";

/** A schedule as it is stored. */
export type ScheduleRow = Omit<Schedule, "firingUntilMs">;

/** Schedules and reservations as plain data. */
export interface TimetableRows {
  readonly schedules: readonly ScheduleRow[];
  readonly reservations: readonly Reservation[];
  readonly nextScheduleId: number;
  readonly nextReservationId: number;
}

/** The schedule as plain data: a copy. */
export function rowOfSchedule(schedule: Schedule): ScheduleRow {
  const { firingUntilMs: _, ...row } = schedule;
  return row;
}

/** All schedules and reservations as plain data. */
export function rowsOfTimetable(state: State): TimetableRows {
  const { nextScheduleId, nextReservationId } = state;
  return {
    schedules: [...state.schedules.values()].map(rowOfSchedule),
    reservations: [...state.reservations.values()].map((reservation) => ({ ...reservation })),
    nextScheduleId,
    nextReservationId,
  };
}

/** Puts schedules and reservations into a state. What has come due meanwhile is done in its first step. */
export function restoreTimetable(state: State, rows: TimetableRows): void {
  state.nextScheduleId = rows.nextScheduleId;
  state.nextReservationId = rows.nextReservationId;
  for (const row of rows.schedules) {
    const schedule: Schedule = { ...row, firingUntilMs: 0 };
    state.schedules.set(schedule.id, schedule);
    watchSchedule(state, schedule);
  }
  for (const row of rows.reservations) {
    const reservation = { ...row };
    state.reservations.set(reservation.id, reservation);
    watchReservation(state, reservation);
  }
}
