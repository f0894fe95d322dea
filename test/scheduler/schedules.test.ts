import { describe, expect, it } from "vitest";
import { restore } from "../../src/scheduler/restore.ts";
import { rowsOf } from "../../src/scheduler/rows.ts";
import { step } from "../../src/scheduler/step.ts";
import type { NewSchedule, Schedule } from "../../src/scheduler/timetable.ts";
import { newJob } from "../../src/sim/users.ts";
import { must } from "../../src/std/assert.ts";
import { testPolicy } from "../kit/policy.ts";
import { Bench, command } from "../kit/scheduler.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const shell = command("shell", { gpuCount: 0 });
const job = newJob(shell);

/** A bench at 00:30 UTC with a schedule of every full hour, and what the daemon does about fires. */
class Timetable extends Bench {
  readonly schedule: Schedule;

  constructor(asked: Partial<NewSchedule> = {}) {
    super({ gpus: [], policy: { cpuCores: 100 } });
    this.nowMs = Date.parse("2026-03-01T00:30:00Z");
    this.schedule = this.add(asked);
  }

  add(asked: Partial<NewSchedule> = {}): Schedule {
    const schedule = {
      ...({ name: "hourly", line: "0 * * * *", timeZone: "UTC", missed: "skip", overlap: false } as const),
      ...{ submission: "{}", uid: 1000, user: "ann" },
      ...asked,
    };
    const reply = this.ask({ type: "add-schedule", schedule });
    return must(reply.ok ? this.state.schedules.get(reply.ids[0] ?? 0) : undefined, JSON.stringify(reply));
  }

  /** Does what the last step wants done, with a plain job unless told otherwise; gives the ids of the new jobs. */
  fire(error: string | null = null, jobs = [job]): readonly number[] {
    return this.last.fires.flatMap((due) => {
      const reply = this.ask({ type: "fire-schedule", ...due, jobs: error === null ? jobs : [], error });
      if (!reply.ok) throw new Error(reply.message);
      return reply.ids;
    });
  }

  get nextAt(): string | null {
    return this.schedule.nextAtMs === null ? null : new Date(this.schedule.nextAtMs).toISOString();
  }

  finish(id: number): void {
    const worker = must(
      [...this.state.workers.values()].find(({ jobs }) => jobs.has(this.job(id))),
      "a worker",
    );
    this.ready(worker.id);
    this.exit(worker.id, { kind: "succeeded", exitCode: 0, message: null, output: null, artifacts: null });
  }
}

describe("a schedule", () => {
  it("fires at its time and not before, and plans the next fire in the same step", () => {
    const bench = new Timetable();
    expect(bench.nextAt).toBe("2026-03-01T01:00:00.000Z");
    expect(bench.last.wakeAtMs).toBe(bench.schedule.nextAtMs);
    bench.pass(30 * MINUTE - 1);
    expect(bench.last.fires).toEqual([]);
    bench.pass(1);
    expect(bench.last.fires).toEqual([{ scheduleId: 1, plannedMs: bench.nowMs }]);
    expect(bench.fire()).toEqual([1]);
    expect(bench.nextAt).toBe("2026-03-01T02:00:00.000Z");
    expect(bench.last.changes.newJobs).toMatchObject([{ scheduleId: 1 }]);
    expect([...bench.last.changes.schedules]).toEqual([bench.schedule]);
  });

  it("fires once, however often a fire is carried out", () => {
    const bench = new Timetable();
    bench.pass(30 * MINUTE);
    const [due] = bench.last.fires;
    bench.fire();
    const again = bench.ask({ type: "fire-schedule", ...must(due, "a fire"), jobs: [job], error: null });
    expect(again).toEqual({ ok: true, ids: [] });
    expect(bench.state.jobs.size).toBe(1);
  });

  it("hands a fire that nobody heard of out again after a minute, and no more often", () => {
    const bench = new Timetable();
    bench.pass(30 * MINUTE);
    expect(bench.last.fires).toHaveLength(1);
    bench.pass(MINUTE - 1);
    expect(bench.last.fires).toEqual([]);
    bench.pass(1);
    expect(bench.last.fires).toHaveLength(1);
    expect(bench.fire()).toEqual([1]);
  });

  it("does not pile up when it fires each second", () => {
    const bench = new Timetable({ line: "* * * * * *", overlap: true });
    for (let second = 0; second < 200; second++) {
      bench.pass(1000);
      expect(bench.last.fires).toHaveLength(1);
      bench.fire();
    }
    expect(bench.state.jobs.size).toBe(200);
  });

  it("skips a run while the last job is not finished, unless runs may overlap", () => {
    const bench = new Timetable();
    bench.pass(30 * MINUTE);
    bench.fire();
    bench.pass(HOUR);
    expect(bench.fire()).toEqual([]);
    expect(bench.last.changes.log).toMatchObject([{ type: "schedule-skipped" }]);
    expect(bench.last.changes.log[0]?.text).toContain("job 1 of the last one is not finished");
    bench.finish(1);
    bench.pass(HOUR);
    expect(bench.fire()).toEqual([2]);
    const wide = new Timetable({ overlap: true });
    wide.pass(30 * MINUTE);
    wide.fire();
    wide.pass(HOUR);
    expect(wide.fire()).toEqual([2]);
  });

  it("notes what keeps its job from being made or taken, and goes on with the next fire", () => {
    const bench = new Timetable();
    bench.pass(30 * MINUTE);
    bench.fire("there is no runtime sdxl");
    expect(bench.schedule).toMatchObject({ lastError: "there is no runtime sdxl", lastJobs: null });
    expect(bench.nextAt).toBe("2026-03-01T02:00:00.000Z");
    bench.pass(HOUR);
    bench.fire(null, [newJob(command("wide", { gpuCount: 3 }))]);
    expect(bench.schedule.lastError).toContain("wide needs 3 GPU");
    bench.pass(HOUR);
    expect(bench.fire()).toEqual([1]);
    expect(bench.schedule).toMatchObject({ lastError: null, lastJobs: { firstId: 1, lastId: 1 } });
  });

  it("fires nothing while it is paused, and makes up for nothing when it goes on", () => {
    const bench = new Timetable({ missed: "all" });
    bench.ask({ type: "pause-schedule", scheduleId: 1, paused: true });
    expect(bench.nextAt).toBeNull();
    bench.pass(5 * HOUR);
    expect(bench.last.fires).toEqual([]);
    bench.ask({ type: "pause-schedule", scheduleId: 1, paused: false });
    expect(bench.last.fires).toEqual([]);
    expect(bench.nextAt).toBe("2026-03-01T06:00:00.000Z");
    bench.pass(30 * MINUTE);
    expect(bench.fire()).toEqual([1]);
  });

  it("fires nothing that was under way when it was paused or removed", () => {
    const bench = new Timetable();
    bench.pass(30 * MINUTE);
    const due = must(bench.last.fires[0], "a fire");
    bench.ask({ type: "pause-schedule", scheduleId: 1, paused: true });
    expect(bench.ask({ type: "fire-schedule", ...due, jobs: [job], error: null })).toEqual({
      ok: true,
      ids: [],
    });
    bench.ask({ type: "remove-schedule", scheduleId: 1 });
    expect(bench.ask({ type: "fire-schedule", ...due, jobs: [job], error: null })).toMatchObject({
      ok: false,
      code: "schedule/unknown",
    });
    expect(bench.state.jobs.size).toBe(0);
  });

  it("runs now when asked to, beside its timetable; a refusal is told and changes nothing", () => {
    const bench = new Timetable();
    const now = { type: "fire-schedule", scheduleId: 1, plannedMs: null, error: null } as const;
    expect(bench.ask({ ...now, jobs: [job] })).toEqual({ ok: true, ids: [1] });
    expect(bench.nextAt).toBe("2026-03-01T01:00:00.000Z");
    const wide = [newJob(command("wide", { gpuCount: 3 }))];
    expect(bench.ask({ ...now, jobs: wide })).toMatchObject({ ok: false, code: "gpu/too-many" });
    expect(bench.schedule.lastError).toBeNull();
  });

  it("has a name of its own until it is removed", () => {
    const bench = new Timetable();
    const { id: _, ...again } = bench.schedule;
    expect(bench.ask({ type: "add-schedule", schedule: again })).toMatchObject({
      ok: false,
      code: "schedule/exists",
    });
    bench.ask({ type: "remove-schedule", scheduleId: 1 });
    expect(bench.add().id).toBe(2);
  });
});

describe("fires while the daemon was down", () => {
  /** The daemon ends at 00:30 and comes back `hours` later. */
  function downFor(hours: number, asked: Partial<NewSchedule>): Timetable {
    const bench = new Timetable(asked);
    bench.nowMs += hours * HOUR;
    bench.send();
    return bench;
  }

  it.each([
    { missed: "skip", jobs: 0 },
    { missed: "once", jobs: 1 },
    { missed: "all", jobs: 5 },
  ] as const)("make $jobs of 5 with $missed", ({ missed, jobs }) => {
    const bench = downFor(5, { missed });
    expect(bench.fire()).toHaveLength(jobs);
    expect(bench.last.changes.log.map(({ type }) => type)).toContain("schedule-missed");
    expect(bench.nextAt).toBe("2026-03-01T06:00:00.000Z");
    bench.pass(1);
    expect(bench.last.fires).toEqual([]);
  });

  it("are made up for one after the other, unless they may overlap", () => {
    const bench = downFor(3, { missed: "all" });
    expect(bench.fire()).toEqual([1, 2, 3]);
    expect([1, 2, 3].map((id) => bench.stateOf(id))).toEqual(["starting", "held", "held"]);
    bench.finish(1);
    expect([2, 3].map((id) => bench.stateOf(id))).toEqual(["starting", "held"]);
    const wide = downFor(3, { missed: "all", overlap: true });
    wide.fire();
    expect([1, 2, 3].map((id) => wide.stateOf(id))).toEqual(["starting", "starting", "starting"]);
  });
});

describe("after a restart", () => {
  it("stands as it stood, and what was due is fired in the first step", () => {
    const bench = new Timetable();
    bench.pass(30 * MINUTE);
    bench.fire();
    bench.pass(HOUR - 1);
    const restored = restore(testPolicy(), rowsOf(bench.state));
    expect(rowsOf(restored).timetable).toEqual(rowsOf(bench.state).timetable);
    expect(step(restored, [{ type: "tick", atMs: bench.nowMs }]).fires).toEqual([]);
    const due = step(restored, [{ type: "tick", atMs: bench.nowMs + 1 }]);
    expect(due.fires).toEqual([{ scheduleId: 1, plannedMs: bench.nowMs + 1 }]);
  });

  it("plans anew what a clock that was years ahead had planned", () => {
    const bench = new Timetable();
    const rows = rowsOf(bench.state);
    const yesteryear = Date.parse("2024-05-05T10:10:00Z");
    const restored = restore(testPolicy(), rows);
    step(restored, [{ type: "tick", atMs: yesteryear }]);
    expect(restored.schedules.get(1)).toMatchObject({ nextAtMs: Date.parse("2024-05-05T11:00:00Z") });
  });
});

describe("clock changes", () => {
  it("fire a skipped time when the gap is over, and a doubled one once", () => {
    const bench = new Timetable({ line: "30 2 * * *", timeZone: "Europe/Berlin" });
    bench.nowMs = Date.parse("2026-03-28T12:00:00Z");
    bench.send();
    bench.fire();
    expect(bench.nextAt, "02:30 does not exist on that day; 03:00 is when the gap is over").toBe(
      "2026-03-29T01:00:00.000Z",
    );
    bench.nowMs = Date.parse("2026-10-24T12:00:00Z");
    bench.send();
    bench.fire();
    expect(bench.nextAt, "02:30 comes twice; the first one counts").toBe("2026-10-25T00:30:00.000Z");
    bench.nowMs = Date.parse("2026-10-25T00:30:00Z");
    bench.send();
    bench.fire();
    expect(bench.nextAt).toBe("2026-10-26T01:30:00.000Z");
  });
});
