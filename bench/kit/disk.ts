import fs from "node:fs";
import path from "node:path";
import Sqlite from "better-sqlite3";
import { makeHome } from "./daemon.ts";

/** What better-sqlite3 alone gives on this disk, with the settings that make a commit durable (WAL, FULL). */
export interface Disk {
  /** How long each transaction of one row took, in milliseconds. */
  commits(durationMs: number): readonly number[];
  /** Rows per second in transactions of a thousand. */
  rowsPerSecond(durationMs: number): number;
  close(): void;
}

const ROW_CHARS = 300;
const ROWS_PER_BATCH = 1000;

/** Opens an empty database of its own, where the daemons' are. */
export function openDisk(): Disk {
  const dir = makeHome();
  const removeDir = (): void => fs.rmSync(dir, { recursive: true, force: true });
  process.once("exit", removeDir);
  const db = new Sqlite(path.join(dir, "baseline.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
  const insert = db.prepare("INSERT INTO rows (text) VALUES (?)");
  const text = "x".repeat(ROW_CHARS);
  const batch = db.transaction(() => {
    for (let row = 0; row < ROWS_PER_BATCH; row++) insert.run(text);
  });
  return {
    commits: (durationMs) => timesOf(durationMs, () => insert.run(text)),
    rowsPerSecond: (durationMs) => ratePerSecond(timesOf(durationMs, () => batch())) * ROWS_PER_BATCH,
    close() {
      db.close();
      process.off("exit", removeDir);
      removeDir();
    },
  };
}

/** How many such times fit into a second. */
export function ratePerSecond(timesMs: readonly number[]): number {
  return (timesMs.length / timesMs.reduce((sum, each) => sum + each, 0)) * 1000;
}

function timesOf(durationMs: number, work: () => unknown): number[] {
  const times: number[] = [];
  const endMs = performance.now() + durationMs;
  for (let startMs = performance.now(); startMs < endMs; startMs = performance.now()) {
    work();
    times.push(performance.now() - startMs);
  }
  return times;
}
