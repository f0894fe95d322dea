import fs from "node:fs";
import path from "node:path";
import Sqlite from "better-sqlite3";
import { errnoOf, Failure } from "../std/failure.ts";
import { migrations } from "./migrations/index.ts";

export type Database = Sqlite.Database;

/** Databases up to this size are checked page by page at every start; larger ones when SQLite finds a fault. */
const QUICK_CHECK_MAX_BYTES = 64 * 2 ** 20;

/**
 * Opens the database, checks it and brings its schema up to date (after a backup beside it).
 * @param file absolute path; its folder exists.
 * @throws Failure store/damaged, store/newer, store/full, store/busy, state/unwritable. Nothing is written then.
 */
export function openDatabase(file: string): Database {
  refuseOrphanedWal(file);
  return translate(file, () => {
    const db = new Sqlite(file);
    try {
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
      db.pragma("busy_timeout = 5000");
      db.pragma("foreign_keys = ON");
      db.pragma("cache_size = -16000");
      db.pragma(`journal_size_limit = ${64 * 2 ** 20}`);
      checkPages(db, file);
      migrate(db, file);
      fs.chmodSync(file, 0o600);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** A write-ahead log without its database holds commits that an empty new database would silently drop. */
function refuseOrphanedWal(file: string): void {
  if (fs.existsSync(file) || !fs.existsSync(`${file}-wal`)) return;
  throw damaged(file, "the database is missing but its write-ahead log is still there");
}

function checkPages(db: Database, file: string): void {
  if (fs.statSync(file).size > QUICK_CHECK_MAX_BYTES) return;
  const verdict = db.pragma("quick_check(1)", { simple: true });
  if (verdict !== "ok") throw damaged(file, String(verdict));
}

function migrate(db: Database, file: string): void {
  const version = Number(db.pragma("user_version", { simple: true }));
  if (version > migrations.length) {
    throw new Failure(
      "store/newer",
      `${file} was written by a newer orch (schema ${version}, this one knows ${migrations.length})`,
      {
        why: "an older orch would not understand it and could lose jobs",
        hint: `install the newer orch again, or restore the backup ${file}.v${migrations.length}.bak`,
      },
    );
  }
  if (version > 0 && version < migrations.length) backUp(db, `${file}.v${version}.bak`);
  migrations.slice(version).forEach((migration, index) => {
    db.transaction(() => {
      db.exec(migration.sql);
      db.pragma(`user_version = ${version + index + 1}`);
    })();
  });
}

function backUp(db: Database, target: string): void {
  fs.rmSync(target, { force: true });
  db.prepare("VACUUM INTO ?").run(target);
  fs.chmodSync(target, 0o600);
}

/** Runs `work` and turns SQLite's errors into failures that say what to do. */
export function translate<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toStoreFailure(file, error);
  }
}

function toStoreFailure(file: string, error: unknown): unknown {
  const code = errnoOf(error) ?? "";
  const why = error instanceof Error ? error.message : String(error);
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC") {
    return new Failure("store/full", `the disk of ${path.dirname(file)} is full`, {
      why: "a job is only accepted once it is safely on disk",
      hint: `df -h ${path.dirname(file)}`,
      cause: error,
    });
  }
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB")) return damaged(file, why, error);
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new Failure("store/busy", `${file} is locked by another program`, {
      why,
      hint: `fuser ${file}`,
      cause: error,
    });
  }
  if (
    code.startsWith("SQLITE_READONLY") ||
    code.startsWith("SQLITE_CANTOPEN") ||
    code.startsWith("SQLITE_IOERR")
  ) {
    return new Failure("state/unwritable", `${file} cannot be read or written`, {
      why,
      hint: `ls -ld ${path.dirname(file)} ${file}`,
      cause: error,
    });
  }
  return error;
}

function damaged(file: string, why: string, cause?: unknown): Failure {
  return new Failure("store/damaged", `${file} is damaged`, {
    why,
    hint: [
      "orch never starts on a damaged or empty database by itself. To repair it:",
      `  cp -a ${path.dirname(file)} ${path.dirname(file)}.broken`,
      `  sqlite3 ${file} .recover | sqlite3 ${file}.new && mv ${file}.new ${file} && rm -f ${file}-wal ${file}-shm`,
      `or move ${file}* away to begin with an empty one`,
    ].join("\n"),
    cause,
  });
}

/** Held by the one daemon of a state directory, until `release` or the end of the process. */
export interface DaemonLock {
  release(): void;
}

/**
 * Takes the lock on a file of its own. The kernel drops it when the process ends, however it ends: a lock left over
 * cannot exist. SQLite's own file locking is used, since Node has none and every daemon has SQLite.
 * @throws Failure daemon/running if another process holds it.
 */
export function takeLock(file: string): DaemonLock {
  const db = translate(file, () => new Sqlite(file, { timeout: 0 }));
  try {
    db.pragma("journal_mode = DELETE");
    db.pragma("synchronous = OFF");
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (errnoOf(error)?.startsWith("SQLITE_BUSY") === true) {
      throw new Failure("daemon/running", `another daemon runs on ${path.dirname(file)}`, {
        why: `it holds the lock ${file}`,
        hint: "orch status",
      });
    }
    throw toStoreFailure(file, error);
  }
  return { release: () => void db.close() };
}
