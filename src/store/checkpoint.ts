import fs from "node:fs";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Database } from "./database.ts";

/** Copies the write-ahead log into the database beside the event loop where SQLite, within a commit, would hold it long. */
export interface Checkpointer {
  /** A large transaction begins: from now on SQLite copies nothing by itself. */
  expectMuch(): void;
  /** To be called after each commit. */
  look(): void;
}

/** SQLite copies after so many pages by itself: 4 MB, a few milliseconds. */
const USUAL_PAGES = 1_000;
/** From this size on it is done aside. SQLite cuts the log down to half of it once all is copied (store/database.ts). */
const LARGE_BYTES = 16 * 2 ** 20;
/** The size is looked at after so many commits. */
const LOOK_EVERY = 16;
const RETRY_MS = 1_000;

/** Runs in a thread with a connection of its own. Tells whether all was copied: what somebody reads stays in the log. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const db = new (require(workerData.sqlite))(workerData.file, { timeout: 0 });
const [{ busy, log, checkpointed }] = db.pragma("wal_checkpoint(PASSIVE)");
db.close();
parentPort.postMessage(busy === 0 && log === checkpointed);
`;

/** A checkpointer for an open database in WAL mode. */
export function createCheckpointer(db: Database): Checkpointer {
  const sqlite = createRequire(import.meta.url).resolve("better-sqlite3");
  let isAside = false;
  let commits = 0;
  const setPages = (pages: number): void => void db.pragma(`wal_autocheckpoint = ${pages}`);
  const copy = (): void => {
    let isWhole = false;
    const worker = new Worker(PROGRAM, { eval: true, workerData: { sqlite, file: db.name } });
    worker.unref();
    worker.on("message", (answer: boolean) => {
      isWhole = answer;
    });
    worker.on("error", () => undefined); // The exit follows, and another try.
    worker.once("exit", () => {
      if (!db.open) return;
      if (!isWhole) return void setTimeout(copy, RETRY_MS).unref();
      isAside = false;
      setPages(USUAL_PAGES);
    });
  };
  const goAside = (): void => {
    isAside = true;
    setPages(0);
    copy();
  };
  return {
    expectMuch: () => setPages(0),
    look() {
      commits += 1;
      if (isAside || commits % LOOK_EVERY !== 0) return;
      const size = fs.statSync(`${db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0;
      if (size > LARGE_BYTES) goAside();
      else setPages(USUAL_PAGES);
    },
  };
}
