import { rowOfSchedule, type TimetableRows } from "../scheduler/timetable-rows.ts";
import type { Changes } from "../scheduler/transition.ts";

/** The simulator's tables of schedules and reservations. */
export interface TimetableMirror {
  readonly schedules: ReadonlyMap<number, TimetableRows["schedules"][number]>;
  apply(changes: Changes): void;
  rows(): TimetableRows;
}

/** Empty tables. Ids are never given out twice, also of rows that are no more. */
export function createTimetableMirror(): TimetableMirror {
  const schedules = new Map<number, TimetableRows["schedules"][number]>();
  const reservations = new Map<number, TimetableRows["reservations"][number]>();
  let nextScheduleId = 1;
  let nextReservationId = 1;
  return {
    schedules,
    apply(changes) {
      for (const schedule of changes.schedules) {
        schedules.set(schedule.id, rowOfSchedule(schedule));
        nextScheduleId = Math.max(nextScheduleId, schedule.id + 1);
      }
      for (const { id } of changes.schedulesRemoved) schedules.delete(id);
      for (const reservation of changes.reservations) {
        reservations.set(reservation.id, { ...reservation });
        nextReservationId = Math.max(nextReservationId, reservation.id + 1);
      }
      for (const { id } of changes.reservationsRemoved) reservations.delete(id);
    },
    rows: () => ({
      schedules: [...schedules.values()],
      reservations: [...reservations.values()],
      nextScheduleId,
      nextReservationId,
    }),
  };
}
