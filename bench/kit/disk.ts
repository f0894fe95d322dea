import fs from "node:fs";
import path from "node:path";
import Sqlite from "better-sqlite3";
import { makeHome } from "./daemon.ts";
import { quantile } from "./statistics.ts";

export interface DiskBaseline {
  /** One row a transaction. */
  readonly commitsPerSecond: number;
  readonly commitP50Ms: number;
  readonly commitP99Ms: number;
  /** A thousand rows a transaction. */
  readonly rowsPerSecond: number;
}

const ROW_CHARS = 300;
const ROWS_PER_BATCH = 1000;

/** What better-sqlite3 alone gives on this disk, with the settings that make a commit durable (WAL, FULL). */
export function measureDisk(): DiskBaseline {
  const dir = makeHome();
  const db = new Sqlite(path.join(dir, "baseline.db"));
  try {
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    db.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    const insert = db.prepare("INSERT INTO rows (text) VALUES (?)");
    const text = "x".repeat(ROW_CHARS);
    const batch = db.transaction(() => {
      for (let row = 0; row < ROWS_PER_BATCH; row++) insert.run(text);
    });
    const commits = timesOf(1500, () => insert.run(text));
    const batches = timesOf(1000, () => batch());
    return {
      commitsPerSecond: rate(commits),
      commitP50Ms: quantile(commits, 0.5),
      commitP99Ms: quantile(commits, 0.99),
      rowsPerSecond: rate(batches) * ROWS_PER_BATCH,
    };
  } finally {
    db.close();
    fs.rmSync(dir, { recursive: true, force: true });
  }
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

function rate(times: readonly number[]): number {
  return (times.length / times.reduce((sum, each) => sum + each, 0)) * 1000;
}
