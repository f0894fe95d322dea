import fs from "node:fs";
import path from "node:path";
import type { Logger } from "pino";
import { Failure } from "../std/failure.ts";

/** Looks after the database's files while the daemon has them open. */
export interface StoreWatch {
  /** Size of the write-ahead log as last seen. */
  walBytes(): number;
  stop(): void;
}

/** Far beyond what is copied at once (store/checkpoint.ts): somebody keeps the log from being used anew. */
const WAL_ALARM_BYTES = 64 * 2 ** 20;
const LOOK_MS = 1_000;

/**
 * Starts to look once a second. `lost` is called when the database is not in its place any more: SQLite goes on with the
 * removed file, so what it acknowledges from then on would be gone with the daemon.
 */
export function watchStore(file: string, log: Logger, lost: (failure: Failure) => void): StoreWatch {
  const openInode = fs.statSync(file).ino;
  let walBytes = 0;
  let isAlarmed = false;
  const look = (): void => {
    if (fs.statSync(file, { throwIfNoEntry: false })?.ino !== openInode) {
      clearInterval(timer);
      return lost(lostFailure(file));
    }
    walBytes = fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (walBytes > WAL_ALARM_BYTES && !isAlarmed)
      log.warn({ walBytes, hint: `fuser ${file}` }, "the write-ahead log grows: a reader keeps it in use");
    isAlarmed = walBytes > WAL_ALARM_BYTES;
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return { walBytes: () => walBytes, stop: () => clearInterval(timer) };
}

function lostFailure(file: string): Failure {
  return new Failure("state/unwritable", `${file} was removed or replaced under the running daemon`, {
    why: "what it acknowledges now would be on no disk",
    hint: `put the folder ${path.dirname(file)} back, then: orch up`,
  });
}
