import { expect, it } from "vitest";
import { Bench, GIB, model } from "../../kit/scheduler.ts";
import { tempDatabase } from "../../store/temp-database.ts";
import { HOUR_MS, MINUTE_MS, record, T0 } from "./history-bench.ts";

const FIVE_S = 5_000;

it("writes means and maxima of 5 s, and rolls them up to the minute and the hour", () => {
  using temp = tempDatabase();
  const { watch, look, rows } = record(temp.open());
  watch(T0, T0 + 4_000, { load: 20, used: 100, watts: 50 });
  look(T0 + 5_000, { load: 100, used: 600, watts: 150 });
  watch(T0 + 6_000, T0 + 10_000, { load: 0, used: 100, watts: 50 });
  expect(rows(FIVE_S)).toEqual([
    // Four seconds at 20 and one at 100.
    { at: T0, gpu: "A", seen: 5_000, load: 36, loadMax: 100, used: 200, usedMax: 600, power: 70 },
    { at: T0 + 5_000, gpu: "A", seen: 5_000, load: 0, loadMax: 0, used: 100, usedMax: 100, power: 50 },
  ]);
  const both = { at: T0, gpu: "A", seen: 10_000, load: 18, loadMax: 100, used: 150, usedMax: 600, power: 60 };
  expect(rows(MINUTE_MS)).toEqual([both]);
  expect(rows(HOUR_MS)).toEqual([both]);
});

it("weighs by time, not by readings, and divides a time between the steps that it lies in", () => {
  using temp = tempDatabase();
  const slow = record(temp.open(), { isSlow: true });
  slow.look(T0, { load: 0 });
  for (let ms = 100; ms <= 1_000; ms += 100) slow.look(T0 + ms, { load: 100 }); // Somebody looks often.
  slow.look(T0 + 8_000, { load: 50 });
  slow.recorder.stop();
  expect(slow.rows(FIVE_S)).toMatchObject([
    { at: T0, seen: 5_000, load: (1_000 * 100 + 4_000 * 50) / 5_000 },
    { at: T0 + 5_000, seen: 3_000, load: 50 },
  ]);
});

it("leaves gaps where nobody looked, a GPU was lost or a driver does not tell", () => {
  using temp = tempDatabase();
  const { watch, look, recorder, rows } = record(temp.open());
  watch(T0, T0 + 5_000, { load: 10 }, { gpu: "B", load: 30 });
  watch(T0 + 6_000, T0 + 19_000, { load: 10, healthy: false }, { gpu: "B", load: null });
  watch(T0 + 20_000, T0 + 25_000, { load: 10 });
  look(T0 + 60_000, { load: 90 }, { gpu: "B", load: 40 });
  look(T0 + 61_000, { load: 90 }, { gpu: "B", load: 40 });
  recorder.stop();
  const of = (gpu: string) => rows(FIVE_S).filter((row) => row.gpu === gpu);
  expect(of("A").map(({ at, seen, load }) => [(at - T0) / 1_000, seen, load])).toEqual([
    [0, 5_000, 10],
    [20, 5_000, 10],
    [60, 1_000, 90],
  ]);
  expect(of("B").map(({ at, seen, load }) => [(at - T0) / 1_000, seen, load])).toEqual([
    [0, 5_000, 30],
    [5, 5_000, null],
    [10, 5_000, null],
    [15, 4_000, null],
    [60, 1_000, 40],
  ]);
  // The mean is of what was told.
  expect(rows(HOUR_MS).find(({ gpu }) => gpu === "B")).toMatchObject({ seen: 20_000, loadMax: 40 });
});

it("goes on within a step after a restart, and after the clock was set back", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const first = record(db);
  first.watch(T0, T0 + 2_000, { load: 90, used: 10 });
  first.recorder.stop();
  const second = record(db);
  second.watch(T0 + 3_000, T0 + 5_000, { load: 60, used: 40 });
  expect(second.rows(FIVE_S)).toMatchObject([
    { seen: 4_000, load: 75, loadMax: 90, used: 25, usedMax: 40 }, // The second in which none ran is not seen.
  ]);
  second.watch(T0 + 6_000, T0 + HOUR_MS, { load: 0, used: 0 });
  const third = record(db);
  third.watch(T0, T0 + 5_000, { load: 100, used: 100 });
  expect(third.rows(FIVE_S)[0]).toMatchObject({ seen: 9_000, loadMax: 100, usedMax: 100 });
  expect(third.rows(FIVE_S)[0]?.load).toBeCloseTo((4_000 * 75 + 5_000 * 100) / 9_000);
  // Within one daemon the clock never goes back; if it did, nothing would be made up.
  third.look(T0 - 1_000, { load: 7 });
  third.look(T0 - 500, { load: 7 });
  third.recorder.stop();
  expect(third.rows(FIVE_S)[0]).toMatchObject({ at: T0 - 5_000, seen: 500, load: 7 });
});

it("counts what leases reserve, and what is ours and what is not", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const bench = new Bench({ gpus: [{ uuid: "A" }] });
  bench.submit(model("sdxl"));
  const { watch } = record(db, { state: bench.state });
  watch(T0, T0 + 5_000, { used: 700, foreign: 300 });
  const row = db.prepare("SELECT * FROM gpu_history WHERE step_ms = 5000").get();
  expect(row).toMatchObject({ used_mean: 700, ours_mean: 400, foreign_mean: 300, reserved_mean: 24 * GIB });
  expect(row).toMatchObject({
    ours_max: 400,
    foreign_max: 300,
    reserved_max: 24 * GIB,
    temperature_mean: null,
  });
});

it("waits while somebody else writes or there is no room, and writes all of it then", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const { watch, setRoom, rows, logged, journal } = record(db);
  journal.begin(); // What the loop does over several turns.
  watch(T0, T0 + 10_000, { load: 10 });
  expect(db.inTransaction, "nobody's transaction is committed for it").toBe(true);
  db.exec("ROLLBACK"); // What SQLite does in some trouble; the loop has yet to see it.
  watch(T0 + 11_000, T0 + 20_000, { load: 10 });
  expect(journal.isOpen()).toBe(true);
  expect(rows(FIVE_S)).toEqual([]);
  journal.undo();
  expect(rows(FIVE_S)).toEqual([]);
  using other = { db: temp.open(), [Symbol.dispose]: () => undefined };
  other.db.exec("BEGIN IMMEDIATE");
  watch(T0 + 21_000, T0 + 30_000, { load: 10 });
  expect(rows(FIVE_S)).toEqual([]);
  other.db.exec("ROLLBACK");
  setRoom(false);
  watch(T0 + 31_000, T0 + 40_000, { load: 10 });
  expect(rows(FIVE_S)).toEqual([]);
  setRoom(true);
  watch(T0 + 41_000, T0 + 41_000, { load: 10 });
  expect(rows(FIVE_S).map(({ seen }) => seen)).toEqual(Array.from({ length: 8 }, () => 5_000));
  // Five minutes at most are kept in memory.
  setRoom(false);
  watch(T0 + 42_000, T0 + 20 * MINUTE_MS, { load: 10 });
  setRoom(true);
  watch(T0 + 20 * MINUTE_MS + 1_000, T0 + 20 * MINUTE_MS + 10_000, { load: 10 });
  expect(rows(FIVE_S).length).toBe(8 + 60 + 2);
  expect(logged).toEqual([]);
});

it("says once that it cannot be written, and when it is again", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const { watch, rows, logged, crashes } = record(db);
  const said = Array.from({ length: 64 }, (_, index) => ({ gpu: `GPU-${index}`, load: 10 }));
  db.pragma(`max_page_count = ${db.pragma("page_count", { simple: true })}`); // Then the disk is full, SQLite says.
  watch(T0, T0 + 20_000, ...said);
  expect(rows(FIVE_S)).toEqual([]);
  expect(logged).toEqual(["the GPU history cannot be written"]);
  db.pragma("max_page_count = 1073741823");
  watch(T0 + 21_000, T0 + 25_000, ...said);
  expect(rows(FIVE_S).length).toBe(5 * 64);
  expect(logged).toEqual(["the GPU history cannot be written", "the GPU history is written again"]);
  // What cannot ever be written is not tried for ever.
  watch(T0 + 26_000, T0 + 27_000, { gpu: "A", used: Number.NaN });
  watch(T0 + 28_000, T0 + 35_000, { gpu: "B", used: 1 });
  expect(rows(FIVE_S).at(-1)).toMatchObject({ at: T0 + 30_000, gpu: "B" });
  expect(crashes).toEqual([]);
});

it("removes what is too old, and what lies ahead since the clock was set back, in slices", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const { watch, rows } = record(db, { fineMs: 10 * MINUTE_MS });
  watch(T0, T0 + 30 * MINUTE_MS, { load: 10 });
  // 10 minutes are 120 rows; those of the minute in which nothing is removed and the next may be there, too.
  expect(rows(FIVE_S).length).toBeGreaterThanOrEqual(120);
  expect(rows(FIVE_S).length).toBeLessThanOrEqual(135);
  expect(rows(MINUTE_MS).length).toBe(30);
  const later = record(db, { fineMs: 10 * MINUTE_MS });
  later.watch(T0 - 2 * HOUR_MS, T0 - 2 * HOUR_MS + 5_000, { load: 10 });
  expect(rows(FIVE_S).map(({ at }) => at)).toEqual([T0 - 2 * HOUR_MS]);
  expect(rows(MINUTE_MS).length).toBe(31);

  const insert = db.prepare(
    `INSERT INTO gpu_history (step_ms, at, gpu, seen_ms, used_mean, used_max, ours_mean, ours_max, foreign_mean, foreign_max,
      reserved_mean, reserved_max) VALUES (5000, ?, 'A', 1, 0, 0, 0, 0, 0, 0, 0, 0)`,
  );
  for (let row = 0; row < 1_000; row++) insert.run(T0 - 24 * HOUR_MS + row * 5_000);
  const counts: number[] = [];
  for (let step = 1; step <= 8; step++) {
    later.watch(T0 + step * 5_000 - 4_000, T0 + step * 5_000, { load: 10 });
    counts.push(rows(FIVE_S).length);
  }
  expect(counts[0], "a few at a time").toBeGreaterThan(500);
  expect(counts.at(-1)).toBeLessThan(20);
});

it("keeps eight GPUs apart", () => {
  using temp = tempDatabase();
  const { watch, rows } = record(temp.open());
  const said = Array.from({ length: 8 }, (_, index) => ({ gpu: `GPU-${index}`, load: index * 10 }));
  watch(T0, T0 + MINUTE_MS, ...said);
  expect(rows(MINUTE_MS).map(({ gpu, load, seen }) => [gpu, load, seen])).toEqual(
    said.map(({ gpu, load }) => [gpu, load, MINUTE_MS]),
  );
  expect(rows(FIVE_S).length).toBe(8 * 12);
});
