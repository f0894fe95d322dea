import { expect, test } from "vitest";
import { createState } from "../../src/scheduler/state.ts";
import { step } from "../../src/scheduler/step.ts";
import { rowsOfTimetable } from "../../src/scheduler/timetable-rows.ts";
import { laneSpec } from "../../src/sim/lane-profiles.ts";
import { newJob } from "../../src/sim/users.ts";
import { createJournal } from "../../src/store/journal.ts";
import { createQueries } from "../../src/store/queries.ts";
import { readRows } from "../../src/store/rows.ts";
import { testPolicy } from "../kit/policy.ts";
import { commitStep } from "./commit-step.ts";
import { tempDatabase } from "./temp-database.ts";

const NOON = Date.parse("2026-03-01T12:00:00Z");
const HOUR = 3_600_000;

test("schedules and reservations are read as they were written, and their ids are not used again", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const journal = createJournal(db);
  const state = createState(testPolicy());
  const take = (...events: Parameters<typeof step>[1]) => {
    const taken = step(state, events);
    commitStep(journal, taken.changes);
    expect(readRows(db).timetable).toEqual(rowsOfTimetable(state));
    return taken;
  };
  const gpu = { uuid: "GPU-0", index: 0, totalBytes: 2 ** 34, foreignBytes: 0, healthy: true };
  take({ type: "gpus-seen", gpus: [gpu], atMs: NOON });
  const schedule = {
    ...({
      name: "hourly",
      line: "0 * * * *",
      timeZone: "Europe/Berlin",
      missed: "once",
      overlap: true,
    } as const),
    ...{ submission: '{"verb":"run"}', uid: 1000, user: "ann" },
  };
  take({ type: "add-schedule", schedule, atMs: NOON });
  const reservation = {
    ...{
      name: "demo",
      count: 1,
      gpus: null,
      accounts: ["user:ann", "group:students"],
      uid: 1000,
      user: "ann",
    },
    startAtMs: NOON + HOUR,
    endAtMs: NOON + 2 * HOUR,
  };
  take({ type: "add-reservation", reservation, atMs: NOON });
  const { fires } = take({ type: "tick", atMs: NOON + HOUR });
  expect(fires).toEqual([{ scheduleId: 1, plannedMs: NOON + HOUR }]);
  const jobs = [newJob(laneSpec("shell", { gpuCount: 0, residency: "one-shot" }))];
  const fire = { type: "fire-schedule", scheduleId: 1, error: null } as const;
  take({ ...fire, plannedMs: NOON + HOUR, jobs, atMs: NOON + HOUR });
  expect(createQueries(db).job(1)?.scheduleId).toBe(1);
  take({ ...fire, plannedMs: NOON + HOUR, jobs: [], error: "it is gone", atMs: NOON + HOUR });
  take({ type: "pause-schedule", scheduleId: 1, paused: true, atMs: NOON + HOUR });
  // Its name is free in the very step in which it is removed.
  take(
    { type: "remove-schedule", scheduleId: 1, atMs: NOON + HOUR },
    { type: "add-schedule", schedule, atMs: NOON + HOUR },
  );
  take({ type: "tick", atMs: NOON + 2 * HOUR });
  expect(rowsOfTimetable(state)).toMatchObject({
    schedules: [{ id: 2, name: "hourly" }],
    reservations: [],
    nextScheduleId: 3,
    nextReservationId: 2,
  });
});
