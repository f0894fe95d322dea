import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { createRng } from "../../src/std/rng.ts";
import { findWalDamage } from "../../src/store/check-wal.ts";
import { openDatabase } from "../../src/store/database.ts";
import { type TempDatabase, tempDatabase } from "./temp-database.ts";

const COMMITS = 30;
const PAGE_BYTES = 4096;
const FRAME_BYTES = PAGE_BYTES + 24;

/** The files as a daemon leaves them that was killed after `commits` commits; with `-shm` or, as power loss may, without. */
function crashed(commits: number, { keepsIndex }: { keepsIndex: boolean }): TempDatabase {
  using running = tempDatabase();
  const db = running.open();
  for (let commit = 1; commit <= commits; commit++)
    db.prepare("INSERT INTO events (at, type, text) VALUES (?, 'test', 'x')").run(commit);
  return copyOf(running, keepsIndex);
}

function copyOf(from: TempDatabase, keepsIndex = true): TempDatabase {
  const left = tempDatabase();
  for (const end of keepsIndex ? ["", "-wal", "-shm"] : ["", "-wal"])
    if (existsSync(`${from.file}${end}`)) copyFileSync(`${from.file}${end}`, `${left.file}${end}`);
  return left;
}

/** What the next daemon finds: how many commits, or why it does not start. */
function startOn(file: string): number | Failure {
  try {
    const db = openDatabase(file);
    const found = db.prepare("SELECT COUNT(*) FROM events").pluck().get() as number;
    db.close();
    return found;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

const expectRefused = (outcome: number | Failure, where: string): void => {
  expect(outcome, where).toBeInstanceOf(Failure);
  if (outcome instanceof Failure) {
    expect(outcome.code).toBe("store/damaged");
    expect(outcome.why).toContain("write-ahead log");
    expect(outcome.hint).toContain(".recover");
  }
};

describe("the write-ahead log of a daemon that was killed", () => {
  test.each([0, 1, COMMITS])("is whole after %d commits, with its index and without", (commits) => {
    for (const keepsIndex of [true, false]) {
      using left = crashed(commits, { keepsIndex });
      expect(findWalDamage(left.file)).toBeNull();
      expect(startOn(left.file)).toBe(commits);
    }
  });

  test("is not judged by an index of an earlier boot, which nobody has synced", () => {
    using left = crashed(COMMITS, { keepsIndex: true });
    truncateSync(`${left.file}-wal`, 0);
    expect(findWalDamage(left.file)).toContain("commits are missing");
    utimesSync(`${left.file}-shm`, 0, 0);
    expect(findWalDamage(left.file)).toBeNull();
  });

  test("cut anywhere is refused: acknowledged jobs would be gone [fault 10]", () => {
    const rng = createRng(4);
    using whole = crashed(COMMITS, { keepsIndex: true });
    for (let round = 0; round < 100; round++) {
      using left = copyOf(whole);
      const { length } = readFileSync(`${left.file}-wal`);
      const cut = round === 0 ? 0 : round === 1 ? length - 1 : rng.below(length);
      truncateSync(`${left.file}-wal`, cut);
      expectRefused(startOn(left.file), `cut at ${cut} of ${length}`);
    }
  });

  test("removed is refused, too [fault 10]", () => {
    using left = crashed(COMMITS, { keepsIndex: true });
    rmSync(`${left.file}-wal`);
    expectRefused(startOn(left.file), "removed");
  });

  test("damaged in any byte that counts is refused, 200 offsets [fault 10]", () => {
    const rng = createRng(5);
    using whole = crashed(COMMITS, { keepsIndex: true });
    const bytes = readFileSync(`${whole.file}-wal`);
    let refused = 0;
    for (let round = 0; round < 200; round++) {
      using left = copyOf(whole);
      const damaged = Buffer.from(bytes);
      const at = rng.below(bytes.length);
      for (let index = at; index < Math.min(bytes.length, at + rng.pick([1, 16, 512])); index++)
        damaged[index] = rng.below(256);
      writeFileSync(`${left.file}-wal`, damaged);
      const outcome = startOn(left.file);
      if (outcome === COMMITS && damaged.equals(bytes)) continue; // The same by chance.
      expectRefused(outcome, `at ${at}`);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(190);
  });

  test("damaged in its midst is refused though the index is gone: a commit comes after it [fault 10]", () => {
    using left = crashed(COMMITS, { keepsIndex: false });
    const bytes = readFileSync(`${left.file}-wal`);
    const middle = Math.floor(bytes.length / 2);
    bytes.writeUInt8((bytes[middle] ?? 0) ^ 1, middle);
    writeFileSync(`${left.file}-wal`, bytes);
    expectRefused(startOn(left.file), "in the middle");
  });

  test("loses the end of a commit that no fsync had finished, and nothing before it [fault 10]", () => {
    using left = crashed(COMMITS, { keepsIndex: false });
    const { length } = readFileSync(`${left.file}-wal`);
    // What power loss leaves of the last commit: its first page not written, or none of it whole.
    truncateSync(`${left.file}-wal`, length - Math.floor(FRAME_BYTES / 2));
    expect(startOn(left.file)).toBe(COMMITS - 1);
  });

  test("can be gone on with by the steps that the refusal names [fault 10]", () => {
    using left = crashed(COMMITS, { keepsIndex: true });
    truncateSync(`${left.file}-wal`, readFileSync(`${left.file}-wal`).length - 10 * FRAME_BYTES);
    expectRefused(startOn(left.file), "cut");
    // What `sqlite3 FILE .recover | sqlite3 FILE.new` comes to: all that SQLite itself still takes.
    rmSync(`${left.file}-shm`);
    expect(startOn(left.file)).toBeGreaterThan(COMMITS - 12);
    expect(existsSync(left.file)).toBe(true);
  });
});
