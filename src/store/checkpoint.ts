import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Database } from "./database.ts";

/**
 * Copies the write-ahead log into the database beside the event loop: SQLite, which does it within a commit, waits for the
 * disk twice meanwhile.
 */
export interface Checkpointer {
  /** To be called after each commit. */
  look(): void;
}

/** So many pages that are not copied yet are worth it: 4 MB, as SQLite has it. */
const COPY_PAGES = 1_000;
/**
 * A log that is always written to never begins anew, since some of it is always left to copy. From this length on (16 MB) so
 * few pages are copied at once, 2 MB, within a commit.
 */
const LONG_PAGES = 4_000;
const FEW_PAGES = 500;
/** A thread costs 30 ms of a core to start: it waits for more to do. */
const IDLE_MS = 10_000;

/** Runs in a thread; each copy has a connection of its own, so that the last one to close is the daemon's. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const Database = require(workerData.sqlite);
parentPort.on("message", () => {
  const db = new Database(workerData.file, { timeout: 0 });
  db.pragma("wal_checkpoint(PASSIVE)");
  db.close();
  parentPort.postMessage(null);
});
`;

/** How long the log is, and how much of it is in the database. Pages. */
interface LogLength {
  readonly log: number;
  readonly checkpointed: number;
}

/** A checkpointer for an open database in WAL mode: from now on SQLite copies nothing by itself. */
export function createCheckpointer(db: Database): Checkpointer {
  db.pragma("wal_autocheckpoint = 0");
  const measure = db.prepare<[], LogLength>("PRAGMA wal_checkpoint(NOOP)");
  const copyHere = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  const thread = createThread(db.name);
  const look = (): void => {
    const { log, checkpointed } = measure.get() ?? { log: 0, checkpointed: 0 };
    const left = log - checkpointed;
    if (left >= COPY_PAGES && thread.hasFailed()) copyHere.get();
    else if (left >= COPY_PAGES) thread.copy();
    else if (log >= LONG_PAGES && left > 0 && left <= FEW_PAGES) copyHere.get();
  };
  return {
    look() {
      if (thread.isBusy()) return;
      try {
        look();
      } catch {
        // The commit is on disk. A copy that fails (a full disk, somebody who reads) is tried again after the next one, as
        // SQLite does with its own; trouble that lasts shows in commits.
      }
    },
  };
}

/** The thread that copies, as long as there is something to do. */
function createThread(file: string) {
  const sqlite = createRequire(import.meta.url).resolve("better-sqlite3");
  let worker: Worker | null = null;
  let isBusy = false;
  let isBroken = false;
  let timer: NodeJS.Timeout | undefined;
  const start = (): Worker => {
    const fresh = new Worker(PROGRAM, { eval: true, workerData: { sqlite, file } });
    fresh.unref();
    fresh.on("message", () => {
      isBusy = false;
      timer = setTimeout(() => void fresh.terminate(), IDLE_MS).unref();
    });
    // Then it is done here: better late than never.
    fresh.on("error", () => {
      isBroken = true;
    });
    fresh.once("exit", () => {
      isBusy = false;
      if (worker === fresh) worker = null;
    });
    return fresh;
  };
  return {
    isBusy: () => isBusy,
    /** Whether the last copy failed, on a full disk say: it is done here then, and the next one tried there again. */
    hasFailed(): boolean {
      const failed = isBroken;
      isBroken = false;
      return failed;
    },
    copy(): void {
      clearTimeout(timer);
      isBusy = true;
      worker ??= start();
      worker.postMessage(null);
    },
  };
}
