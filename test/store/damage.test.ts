import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runSeed } from "../../src/sim/run-seed.ts";
import { Failure } from "../../src/std/failure.ts";
import { createRng } from "../../src/std/rng.ts";
import { openDatabase } from "../../src/store/database.ts";
import { readRows } from "../../src/store/rows.ts";
import { replay } from "./replay.ts";
import { tempDatabase } from "./temp-database.ts";

const HEADER_BYTES = 100;

/** Opens and reads as a starting daemon does. Gives what came of it. */
function startOn(file: string): { jobs: number; lanes: number } | Failure {
  try {
    const db = openDatabase(file);
    try {
      const rows = readRows(db);
      return { jobs: [...rows.jobs].length, lanes: rows.lanes.length };
    } finally {
      db.close();
    }
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

describe("damage anywhere in the file", () => {
  test.each([1, 2, 3])("is found, or changes nothing that the daemon needs (seed %i) [fault 10]", (seed) => {
    using whole = tempDatabase();
    const db = whole.open();
    const result = runSeed(seed, { chaosMs: 30_000, compareRate: 0 });
    // Ends in the midst of the run, so that jobs and workers are live.
    replay(db, { ...result, trace: result.trace.slice(0, Math.floor(result.trace.length / 3)) });
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
    const sound = startOn(whole.file);
    if (sound instanceof Failure) throw sound;
    expect(sound.lanes).toBeGreaterThan(0);
    const bytes = readFileSync(whole.file);
    const rng = createRng(seed);
    let found = 0;
    for (let round = 0; round < 60; round++) {
      using temp = tempDatabase();
      copyFileSync(whole.file, temp.file);
      const at = rng.chance(0.2) ? rng.below(HEADER_BYTES) : rng.below(bytes.length);
      const length = rng.pick([1, 16, 512, 4096]);
      const damaged = Buffer.from(bytes);
      for (let index = at; index < Math.min(bytes.length, at + length); index++)
        damaged[index] = rng.below(256);
      writeFileSync(temp.file, damaged);
      const outcome = startOn(temp.file);
      const where = `${length} bytes at ${at}`;
      if (!(outcome instanceof Failure)) {
        expect(outcome, where).toEqual(sound);
        continue;
      }
      found += 1;
      // The header says which version wrote the file and which may write to it.
      const allowed =
        at < HEADER_BYTES ? ["store/damaged", "store/newer", "state/unwritable"] : ["store/damaged"];
      expect(allowed, `${where}: ${outcome.why}`).toContain(outcome.code);
    }
    expect(found, "some damage must be found").toBeGreaterThan(10);
  });

  test.each(["events", "attempts", "environments", "events_job", "jobs_by_state"])(
    "is found in a page of %s before anything needs it",
    (name) => {
      using temp = tempDatabase();
      const db = temp.open();
      const pageBytes = Number(db.pragma("page_size", { simple: true }));
      const root = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(name));
      db.close();
      const bytes = readFileSync(temp.file);
      bytes.fill(0xff, (root - 1) * pageBytes, root * pageBytes);
      writeFileSync(temp.file, bytes);
      const outcome = startOn(temp.file);
      expect(outcome instanceof Failure && outcome.code).toBe("store/damaged");
    },
  );
});
