import fs from "node:fs";
import path from "node:path";
import Sqlite from "better-sqlite3";
import { errnoOf, Failure } from "../std/failure.ts";
import { findWalDamage } from "./check-wal.ts";
import { type Migration, migrations } from "./migrations/index.ts";

export type Database = Sqlite.Database;

/** Databases up to this size are checked page by page at every start; larger ones when SQLite finds a fault. */
const QUICK_CHECK_MAX_BYTES = 64 * 2 ** 20;

/** How long a start waits for another program's lock. Afterwards nothing does: the daemon would stand still meanwhile. */
const BUSY_TIMEOUT_MS = 1_000;

/** SQLite's header begins the file; the schema's version is a big-endian number in it (fileformat2, 1.3). */
const HEADER_BYTES = 100;
const USER_VERSION_AT = 60;

/**
 * Opens the database, checks it and brings its schema up to date (after a backup beside it). A missing one is made
 * elsewhere and moved into place when it is whole, so an empty file can only be damage.
 * @param file absolute path; its folder exists.
 * @param steps all migrations in order; others than the shipped ones are for tests.
 * @throws Failure store/damaged, store/newer, store/full, store/busy, state/unwritable. Nothing is written then.
 */
export function openDatabase(file: string, steps: readonly Migration[] = migrations): Database {
  return translate(file, () => {
    if (!fs.existsSync(file)) createDatabase(file, steps);
    refuseNewer(file, readVersion(file), steps);
    const lost = findWalDamage(file);
    if (lost !== null) throw damaged(file, lost);
    const db = connect(file);
    try {
      const version = Number(db.pragma("user_version", { simple: true }));
      refuseNewer(file, version, steps);
      if (version < 1) throw damaged(file, "it is no database of orch");
      checkPages(db, file);
      checkSchema(db, file, steps.slice(0, version));
      db.pragma("journal_mode = WAL");
      if (version < steps.length) {
        backUp(db, `${file}.v${version}.bak`);
        migrate(db, steps, version);
      }
      fs.chmodSync(file, 0o600);
      db.pragma("busy_timeout = 0");
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/**
 * Opens the database for reading beside the one who writes: it sees what is committed, and nothing of a transaction that
 * is still open.
 * @throws Failure as `openDatabase`
 */
export function openReader(file: string): Database {
  return translate(file, () => {
    const db = new Sqlite(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    db.pragma("cache_size = -4000");
    return db;
  });
}

function connect(file: string): Database {
  const db = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma("synchronous = FULL");
    db.pragma("foreign_keys = ON");
    db.pragma("cache_size = -16000");
    db.pragma(`journal_size_limit = ${8 * 2 ** 20}`);
    return db;
  } catch (error) {
    db.close();
    // So it calls a file format it does not know; there is nothing else that could be wrong with a pragma.
    if (errnoOf(error) === "SQLITE_ERROR") throw damaged(file, String(error), error);
    throw error;
  }
}

function createDatabase(file: string, steps: readonly Migration[]): void {
  refuseOrphanedWal(file);
  const fresh = `${file}.new`;
  for (const leftover of [fresh, `${fresh}-journal`]) fs.rmSync(leftover, { force: true });
  const db = connect(fresh);
  try {
    db.pragma("journal_mode = OFF"); // Nobody will ever look at a half-made one, and it is synced whole below.
    db.pragma("synchronous = OFF");
    migrate(db, steps, 0);
  } finally {
    db.close();
  }
  fs.chmodSync(fresh, 0o600);
  sync(fresh);
  fs.renameSync(fresh, file);
  sync(path.dirname(file));
}

/** Makes what was written to a file, or renamed in a folder, durable. */
function sync(target: string): void {
  const fd = fs.openSync(target, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** A write-ahead log without its database holds commits that an empty new database would silently drop. */
function refuseOrphanedWal(file: string): void {
  if (!fs.existsSync(`${file}-wal`)) return;
  throw damaged(file, "the database is missing but its write-ahead log is still there");
}

/** The version in the file's header, read without SQLite: even opening a newer database could write to it. */
function readVersion(file: string): number {
  const header = Buffer.alloc(HEADER_BYTES);
  const fd = fs.openSync(file, "r");
  try {
    if (fs.readSync(fd, header, 0, HEADER_BYTES, 0) < HEADER_BYTES)
      throw damaged(file, "it is empty or cut short");
  } finally {
    fs.closeSync(fd);
  }
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw damaged(file, "file is not a database");
  return header.readUInt32BE(USER_VERSION_AT);
}

function refuseNewer(file: string, version: number, steps: readonly Migration[]): void {
  if (version <= steps.length) return;
  throw new Failure(
    "store/newer",
    `${file} was written by a newer orch (schema ${version}, this one knows ${steps.length})`,
    {
      why: "an older orch would not understand it and could lose jobs",
      hint: `install the newer orch again, or restore the backup ${file}.v${steps.length}.bak`,
    },
  );
}

function checkPages(db: Database, file: string): void {
  if (fs.statSync(file).size > QUICK_CHECK_MAX_BYTES) return;
  const verdict = db.pragma("quick_check(1)", { simple: true });
  if (verdict !== "ok") throw damaged(file, String(verdict));
}

/** Each table, index and trigger must be what the migrations make: a lost trigger would guard no lease any more. */
function checkSchema(db: Database, file: string, steps: readonly Migration[]): void {
  const model = new Sqlite(":memory:");
  try {
    migrate(model, steps, 0);
    const found = new Set(listSchema(db));
    const missing = listSchema(model).find((entry) => !found.has(entry));
    if (missing !== undefined) throw damaged(file, `its schema is not orch's: ${missing.slice(0, 80)}`);
  } finally {
    model.close();
  }
}

function listSchema(db: Database): string[] {
  const sql =
    "SELECT type || ' ' || name || ' ' || sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'";
  return db.prepare(sql).pluck().all() as string[];
}

function migrate(db: Database, steps: readonly Migration[], from: number): void {
  db.transaction(() => {
    for (const step of steps.slice(from)) db.exec(step.sql);
    db.pragma(`user_version = ${steps.length}`);
  })();
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
  if (code === "SQLITE_IOERR_FSYNC" || code === "SQLITE_IOERR_DIR_FSYNC") {
    return new Failure(
      "store/failing",
      `the disk of ${path.dirname(file)} does not keep what is written to it`,
      {
        why: `${why}: after this nobody knows what is on it`,
        hint: `dmesg | tail; then orch up, on a disk that works`,
        cause: error,
      },
    );
  }
  if (
    code.startsWith("SQLITE_READONLY") ||
    code.startsWith("SQLITE_CANTOPEN") ||
    code.startsWith("SQLITE_IOERR") ||
    ["EACCES", "EPERM", "EROFS", "EIO", "EISDIR"].includes(code)
  ) {
    return new Failure("state/unwritable", `${file} cannot be read or written`, {
      why,
      hint: `ls -ld ${path.dirname(file)} ${file}`,
      cause: error,
    });
  }
  return error;
}

/** What is read is not what orch wrote. */
export function damaged(file: string, why: string, cause?: unknown): Failure {
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

/** Two that try at the same moment get in each other's way: with no time to step back, both would lose. */
const LOCK_TIMEOUT_MS = 250;

/**
 * Takes the lock on a file of its own. The kernel drops it when the process ends, however it ends: a lock left over
 * cannot exist. SQLite's own file locking is used, since Node has none and every daemon has SQLite.
 * @throws Failure daemon/running if another process holds it.
 */
export function takeLock(file: string): DaemonLock {
  const db = translate(file, () => new Sqlite(file, { timeout: LOCK_TIMEOUT_MS }));
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
