import { describe, expect, test } from "vitest";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { step } from "../../src/scheduler/step.ts";
import { compareStates } from "../../src/sim/compare-states.ts";
import { chooseOptions } from "../../src/sim/options.ts";
import { runSeed } from "../../src/sim/run-seed.ts";
import type { Database } from "../../src/store/database.ts";
import { createJournal } from "../../src/store/journal.ts";
import { createQueries } from "../../src/store/queries.ts";
import { readRows } from "../../src/store/rows.ts";
import { commitStep } from "./commit-step.ts";
import { replay } from "./replay.ts";
import { tempDatabase } from "./temp-database.ts";

/** A run with every fault of the world, but a daemon that never dies. */
function simulate(seed: number) {
  const { faults, habits } = chooseOptions(seed);
  const result = runSeed(seed, {
    ...{ chaosMs: 60_000, compareRate: 0, faults: { ...faults, daemonCrash: 0 } },
    habits: { ...habits, request: 0 }, // Of requests nothing is in the database.
  });
  expect(result.failure).toBeNull();
  return result;
}

/** Every row of every table, for comparisons. */
function dump(db: Database): string {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck();
  return (tables.all() as string[])
    .map((table) => `${table} ${JSON.stringify(db.prepare(`SELECT * FROM ${table}`).all())}`)
    .join("\n");
}

function recount(db: Database): Record<string, number> {
  const rows = db.prepare("SELECT state, count(*) AS n FROM jobs GROUP BY state").all();
  return Object.fromEntries((rows as { state: string; n: number }[]).map(({ state, n }) => [state, n]));
}

function withoutZeros(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, n]) => n !== 0));
}

describe("after each of hundreds of steps of a simulated host", () => {
  test.each([11, 12, 13, 14, 15])("seed %i: the database gives the state it was written from", (seed) => {
    using temp = tempDatabase();
    const db = temp.open();
    db.pragma("synchronous = OFF");
    const result = simulate(seed);
    const queries = createQueries(db);
    replay(db, result, (state, taken, index) => {
      expect(taken.replies).toEqual(result.trace[index]?.replies);
      expect(taken.effects).toEqual(result.trace[index]?.effects);
      if (index % 10 !== 0) return;
      const restored = restore(result.options.policy, readRows(db));
      checkInvariants(restored);
      compareStates(state, restored);
      expect(withoutZeros(queries.counts())).toEqual(recount(db));
    });
    expect(db.prepare("SELECT count(*) FROM jobs").pluck().get()).toBeGreaterThan(5);
  });
});

describe("a commit that fails in its midst", () => {
  test.each(["events", "attempts", "leases", "counters"])("leaves nothing behind (%s)", (table) => {
    // Not every host writes to every table in its second half.
    const seeds = Array.from({ length: 40 }, (_, index) => 11 + index);
    expect(
      seeds.some((seed) => leavesNothing(table, seed)),
      "the planted fault must have been met",
    ).toBe(true);
  });

  /** Whether the planted fault was met; checks that nothing of that commit is left. */
  function leavesNothing(table: string, seed: number): boolean {
    using temp = tempDatabase();
    const db = temp.open();
    db.pragma("synchronous = OFF");
    const result = simulate(seed);
    const half = Math.floor(result.trace.length / 2);
    const state = replay(db, { ...result, trace: result.trace.slice(0, half) });
    const journal = createJournal(db);
    const verb = table === "counters" ? "UPDATE" : "INSERT";
    db.exec(`CREATE TEMP TRIGGER fault BEFORE ${verb} ON ${table} BEGIN SELECT RAISE(ABORT, 'planted'); END`);
    let failed = false;
    for (const { events } of result.trace.slice(half)) {
      const before = dump(db);
      const { changes } = step(state, events);
      try {
        commitStep(journal, changes);
      } catch (error) {
        expect(String(error)).toContain("planted");
        expect(dump(db)).toBe(before);
        failed = true;
        break;
      }
    }
    db.exec("DROP TRIGGER fault");
    // What a daemon does then: the state is rebuilt, and the same events come to the same end.
    checkInvariants(restore(result.options.policy, readRows(db)));
    return failed;
  }

  test("a finished job is never written again", () => {
    using temp = tempDatabase();
    const db = temp.open();
    replay(db, simulate(11));
    const id = db.prepare("SELECT id FROM jobs WHERE state = 'succeeded'").pluck().get();
    for (const change of ["state = 'queued'", "state = 'failed'", "exit_code = 3", "finished_at = 1"])
      expect(() => db.exec(`UPDATE jobs SET ${change} WHERE id = ${id}`), change).toThrow(/never changes/);
  });
});

describe("a step that changes nothing", () => {
  test("is not written at all", () => {
    using temp = tempDatabase();
    const db = temp.open();
    const state = restore(chooseOptions(1).policy, readRows(db));
    const before = db.pragma("data_version", { simple: true });
    const { changes } = step(state, [{ type: "tick", atMs: 1000 }]);
    expect(commitStep(createJournal(db), changes)).toEqual([]);
    expect(db.prepare("SELECT total_changes()").pluck().get()).toBe(0);
    expect(db.pragma("data_version", { simple: true })).toBe(before);
  });
});
