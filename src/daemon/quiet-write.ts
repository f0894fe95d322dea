import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import { Failure, toFailure } from "../std/failure.ts";
import type { Database } from "../store/database.ts";
import { isFatal } from "./pending.ts";

/** Writes to the database while the scheduler does not. */
export type QuietWrite = <T>(work: () => T) => Promise<T>;

export interface QuietWriteParts {
  readonly db: Database;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Nobody knows any more what is on disk. */
  readonly crash: (error: unknown) => void;
}

/** As long as requests to the scheduler wait for the database. */
const PATIENCE_MS = 3_000;
const LOOK_MS = 10;

/**
 * The scheduler's transaction may span turns of the event loop: what is written meanwhile would share its fate. The work is
 * done at once or between two of them; rejects with Failure store/busy after three seconds.
 */
export function createQuietWrite({ db, clock, crash }: QuietWriteParts): QuietWrite {
  return async (work) => {
    const untilMs = clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      if (!db.inTransaction) {
        try {
          return work();
        } catch (error) {
          const failure = toFailure(error);
          if (isFatal(failure)) crash(error);
          if (failure.code !== "store/busy" || clock.monotonicMs() > untilMs) throw error;
        }
      } else if (clock.monotonicMs() > untilMs) {
        throw new Failure("store/busy", "the database is busy with a large request", {
          hint: "try it again",
        });
      }
      await sleep(LOOK_MS);
    }
  };
}
