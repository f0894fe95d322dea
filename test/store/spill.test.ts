import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Database, openDatabase, openReader } from "../../src/store/database.ts";
import { createTransaction } from "../../src/store/transaction.ts";
import { mountSmallDisk } from "../kit/small-disk.ts";
import { tempDatabase } from "./temp-database.ts";

const ROWS = 60_000;
/** A page of the log with what is said of it. */
const FRAME_BYTES = 4_096 + 24;
const HEADER_BYTES = 32;
/** The commit itself: a millisecond. */
const FEW = 50;

const text = "x".repeat(250);

function addRows(db: Database, count = ROWS): void {
  const insert = db.prepare("INSERT INTO events (at, type, job_id, text) VALUES (1, 'made-up', ?, ?)");
  for (let job = 1; job <= count; job += 1) insert.run(job, text);
}

/** Twice, from the other end: pages of the beginning are changed again at the end. */
function changeRows(db: Database): void {
  const change = db.prepare("UPDATE events SET at = at + 1, text = ? WHERE seq = ?");
  for (let seq = ROWS; seq > 0; seq -= 1) change.run(text, seq);
  for (let seq = 1; seq <= ROWS; seq += 1) change.run(text.toUpperCase(), seq);
}

const count = (db: Database): number =>
  db.prepare("SELECT COUNT(*) FROM events WHERE text <> ?").pluck().get(text) as number;

/** Pages of the log that `act` writes. */
function framesWritten(db: Database, act: () => void): number {
  const before = readFileSync(`${db.name}-wal`);
  act();
  const after = readFileSync(`${db.name}-wal`);
  let frames = 0;
  for (let at = HEADER_BYTES; at < after.length; at += FRAME_BYTES)
    if (!after.subarray(at, at + FRAME_BYTES).equals(before.subarray(at, at + FRAME_BYTES))) frames += 1;
  return frames;
}

test.each([false, true])(
  "the commit of a large transaction writes little, also on a used log: %s",
  async (isUsed) => {
    using temp = tempDatabase();
    const db = temp.open();
    db.transaction(addRows)(db);
    db.pragma(`wal_checkpoint(${isUsed ? "RESTART" : "TRUNCATE"})`);
    const reader = openReader(temp.file);
    const transaction = createTransaction(db);
    transaction.begin();
    transaction.expectMuch();
    changeRows(db);
    await transaction.flush();
    expect(count(reader), "nobody sees it yet").toBe(0);
    copyFileSync(temp.file, join(temp.dir, "copy.db"));
    copyFileSync(`${temp.file}-wal`, join(temp.dir, "copy.db-wal"));
    const frames = framesWritten(db, () => transaction.commit());
    expect(frames).toBeGreaterThan(0);
    expect(frames).toBeLessThan(FEW);
    expect(count(reader)).toBe(ROWS);
    reader.close();
    const killed = openDatabase(join(temp.dir, "copy.db"));
    expect(count(killed), "nor does the next daemon").toBe(0);
    expect(killed.pragma("integrity_check", { simple: true })).toBe("ok");
    killed.close();
  },
);

test("a disk that is full while the pages are written out is said by the commit, and nothing is kept", async ({
  skip,
}) => {
  using disk = mountSmallDisk(16);
  if (disk === null) return skip("no tmpfs can be mounted here");
  const db = openDatabase(join(disk.path, "orch.db"));
  const transaction = createTransaction(db);
  transaction.begin();
  transaction.expectMuch();
  addRows(db);
  await transaction.flush();
  expect(() => transaction.commit()).toThrow(expect.objectContaining({ code: "store/full" }));
  transaction.undo();
  transaction.begin();
  addRows(db, 10);
  transaction.commit();
  expect(db.prepare("SELECT COUNT(*) FROM events").pluck().get()).toBe(10);
  db.close();
});
