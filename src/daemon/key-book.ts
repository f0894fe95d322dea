import { setTimeout as sleep } from "node:timers/promises";
import type { Keys } from "../operations/context.ts";
import type { GatewayView } from "../protocol/api-keys.ts";
import type { Clock } from "../std/clock.ts";
import { Failure, toFailure } from "../std/failure.ts";
import { type ApiKeyRow, createApiKeys, type KeyUse } from "../store/api-keys.ts";
import type { Database } from "../store/database.ts";
import { isFatal } from "./pending.ts";

/** The API keys on disk, and the gateway that goes by them. */
export interface KeyBook extends Keys {
  find(id: string): ApiKeyRow | undefined;
  noteUses(uses: readonly KeyUse[]): Promise<void>;
  /** Told after every change. */
  attach(gateway: Listening): void;
}

interface Listening {
  /** Listens, or stops to, as the keys have it. Never rejects. */
  settle(): Promise<void>;
  status(): GatewayView;
}

interface Parts {
  readonly db: Database;
  /** The same database for reading. */
  readonly reader: Database;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Nobody knows any more what is on disk. */
  readonly crash: (error: unknown) => void;
}

/** As long as requests to the scheduler wait for the database. */
const PATIENCE_MS = 3_000;
const LOOK_MS = 10;

/** Opens it. Nothing is kept in memory: a key that is removed is refused from then on. */
export function createKeyBook({ db, reader, clock, crash }: Parts): KeyBook {
  const keys = createApiKeys(db, reader);
  let gateway: Listening | null = null;
  /** The scheduler's transaction may span turns of the event loop: what is written meanwhile would share its fate. */
  const write = async <T>(work: () => T): Promise<T> => {
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
  return {
    find: keys.find,
    list: keys.list,
    async add(key) {
      await write(() => {
        // Nothing awaits between looking and writing.
        if (keys.list().some(({ name }) => name === key.name)) throw nameTaken(key.name);
        keys.insert(key);
      });
      await gateway?.settle();
    },
    async remove(id) {
      await write(() => keys.remove(id));
      await gateway?.settle();
    },
    noteUses: (uses) => write(() => keys.noteUses(uses)),
    attach(listening) {
      gateway = listening;
    },
    gateway: () => gateway?.status() ?? null,
  };
}

function nameTaken(name: string): Failure {
  return new Failure("key/exists", `there is a key ${name} already`, {
    hint: `orch keys rm ${name}, or choose another --name`,
  });
}
