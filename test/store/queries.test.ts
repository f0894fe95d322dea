import { describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { createQueries } from "../../src/store/queries.ts";
import { tempDatabase } from "./temp-database.ts";

const MANY = 50_000;

/** Many jobs that succeeded, with a failed one at the very beginning and one that runs. */
function fill(db: Database): void {
  const insert = db.prepare(
    `INSERT INTO jobs (id, runtime, lane, state, priority, retries, submitted_at, finished_at, params, summary, uid, user)
     VALUES (?, ?, 'l', ?, 0, 0, 1, ?, '{}', 's', 0, 'u')`,
  );
  db.transaction(() => {
    for (let id = 1; id <= MANY; id++) {
      const state = id === 1 ? "failed" : id === 2 ? "running" : "succeeded";
      insert.run(id, id % 2 === 0 ? "even" : "odd", state, state === "running" ? null : 5);
    }
  })();
}

describe("jobs", () => {
  test("are listed newest first, by state, runtime and page", () => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    const queries = createQueries(db);
    const ids = (filter: Partial<Parameters<typeof queries.jobs>[0]>): number[] =>
      queries.jobs({ states: null, runtime: null, before: null, limit: 3, ...filter }).map(({ id }) => id);
    expect(ids({})).toEqual([MANY, MANY - 1, MANY - 2]);
    expect(ids({ before: 5 })).toEqual([4, 3, 2]);
    expect(ids({ states: ["failed", "running"] })).toEqual([2, 1]);
    expect(ids({ states: ["failed", "succeeded"], before: 6 })).toEqual([5, 4, 3]);
    expect(ids({ states: ["succeeded"], limit: 1 })).toEqual([MANY]);
    expect(ids({ states: [] })).toEqual([]);
    expect(ids({ after: 0 })).toEqual([1, 2, 3]);
    expect(ids({ states: ["failed", "succeeded"], after: 2 })).toEqual([3, 4, 5]);
    expect(ids({ states: ["succeeded"], after: MANY - 1 })).toEqual([MANY]);
    expect(ids({ after: 3, before: 6 })).toEqual([4, 5]);
    expect(ids({ runtime: "odd", states: ["succeeded"], before: 8 })).toEqual([7, 5, 3]);
    expect(ids({ runtime: "none", states: ["running", "failed"] })).toEqual([]);
  });

  test("of a rare state are found without a look at all the others", () => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    const queries = createQueries(db);
    // The best of several rounds: anything else that this machine does can only make a round longer.
    const timeMs = (work: () => unknown): number => {
      let bestMs = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 20; round++) {
        const startMs = performance.now();
        work();
        bestMs = Math.min(bestMs, performance.now() - startMs);
      }
      return bestMs;
    };
    const rare = timeMs(() =>
      queries.jobs({ states: ["failed", "cancelled"], runtime: null, before: null, limit: 50 }),
    );
    const scan = timeMs(() => db.prepare("SELECT count(*) FROM jobs WHERE +state = 'failed'").get());
    expect(rare * 3, "a scan of all jobs as the yardstick").toBeLessThan(scan);
  });
});
