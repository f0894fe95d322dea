import { describe, expect, test } from "vitest";
import { runSeed } from "../../src/sim/run-seed.ts";
import { carryOverClockJump, type HostTime } from "../../src/store/clock-jump.ts";
import type { Database } from "../../src/store/database.ts";
import { readRows } from "../../src/store/rows.ts";
import { replay } from "./replay.ts";
import { tempDatabase } from "./temp-database.ts";

const HOUR_MS = 3_600_000;
const start: HostTime = { bootId: "one", nowMs: 1_800_000_000_000, sinceBootMs: 5_000 };
const later = (passedMs: number, setMs: number, bootId = "one"): HostTime => ({
  bootId,
  nowMs: start.nowMs + passedMs + setMs,
  sinceBootMs: start.sinceBootMs + passedMs,
});

/** A database in the midst of a run, with jobs and workers in many states. */
function inTheMidst(db: Database): void {
  const result = runSeed(2, { chaosMs: 30_000, compareRate: 0 });
  replay(db, { ...result, trace: result.trace.slice(0, Math.floor(result.trace.length / 3)) });
}

const plain = (db: Database) => {
  const rows = readRows(db);
  return { ...rows, jobs: [...rows.jobs] };
};

describe("a clock that was set between two daemons", () => {
  test.each([-400 * 24 * HOUR_MS, -HOUR_MS, 24 * HOUR_MS])("moves all that counts on, by %d ms", (setMs) => {
    using temp = tempDatabase();
    const db = temp.open();
    inTheMidst(db);
    expect(carryOverClockJump(db, start)).toBe(0);
    const before = plain(db);
    expect(before.jobs.length).toBeGreaterThan(3);
    expect(before.workers.length).toBeGreaterThan(0);
    expect(carryOverClockJump(db, later(90_000, setMs))).toBe(setMs);
    const after = plain(db);
    for (const [index, job] of before.jobs.entries()) {
      const moved = after.jobs[index];
      expect(moved?.submittedAtMs).toBe(job.submittedAtMs + setMs);
      expect(moved?.startedAtMs ?? null).toBe(job.startedAtMs === null ? null : job.startedAtMs + setMs);
      const untilMs = job.hold?.untilMs ?? null;
      const isBackOff = untilMs !== null && job.attempts > 0;
      expect(moved?.hold?.untilMs ?? null).toBe(isBackOff ? untilMs + setMs : untilMs);
      expect(moved).toMatchObject({ state: job.state, attempts: job.attempts, extras: job.extras });
    }
    for (const [index, worker] of before.workers.entries()) {
      const moved = after.workers[index];
      expect(moved?.createdAtMs).toBe(worker.createdAtMs + setMs);
      expect(moved?.phase).toEqual({
        ...worker.phase,
        sinceMs: worker.phase.sinceMs + setMs,
        ...("idleSinceMs" in worker.phase ? { idleSinceMs: worker.phase.idleSinceMs + setMs } : {}),
      });
      expect(moved?.leases).toEqual(worker.leases);
    }
    expect(after.accounts.map(({ usageAtMs }) => usageAtMs)).toEqual(
      before.accounts.map(({ usageAtMs }) => usageAtMs + setMs),
    );
    expect(after.timetable, "the calendar stays").toEqual(before.timetable);
    expect(carryOverClockJump(db, later(95_000, setMs)), "once").toBe(0);
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
  });

  test("by what clocks drift moves nothing, until it is more", () => {
    using temp = tempDatabase();
    const db = temp.open();
    inTheMidst(db);
    carryOverClockJump(db, start);
    const before = plain(db);
    expect(carryOverClockJump(db, later(1_000, 600))).toBe(0);
    expect(carryOverClockJump(db, later(2_000, -600))).toBe(0);
    expect(plain(db)).toEqual(before);
    expect(carryOverClockJump(db, later(3_000, 1_200)), "since the first").toBe(1_200);
  });
});

describe("after a reboot", () => {
  const eventAt = (db: Database, atMs: number) =>
    db.prepare("INSERT INTO events (at, type, text) VALUES (?, 'test', 'x')").run(atMs);

  test("the time that passed is taken as it is", () => {
    using temp = tempDatabase();
    const db = temp.open();
    carryOverClockJump(db, start);
    eventAt(db, start.nowMs);
    expect(carryOverClockJump(db, later(0, 24 * HOUR_MS, "two"))).toBe(0);
  });

  test("a clock that is behind what was written is known, and known once", () => {
    using temp = tempDatabase();
    const db = temp.open();
    inTheMidst(db);
    carryOverClockJump(db, start);
    eventAt(db, start.nowMs);
    expect(carryOverClockJump(db, later(0, -2 * HOUR_MS, "two"))).toBe(-2 * HOUR_MS);
    expect(carryOverClockJump(db, later(500, -2 * HOUR_MS, "two"))).toBe(0);
  });

  test("what is for good stays for good", () => {
    using temp = tempDatabase();
    const db = temp.open();
    carryOverClockJump(db, start);
    const learned = JSON.stringify({ noSleepUntilMs: Number.MAX_SAFE_INTEGER });
    db.prepare("INSERT INTO lanes (key, spec, learned) VALUES ('l', '{}', ?)").run(learned);
    expect(carryOverClockJump(db, later(0, -HOUR_MS))).toBe(-HOUR_MS);
    expect(db.prepare("SELECT learned FROM lanes").pluck().get()).toBe(learned);
  });
});
