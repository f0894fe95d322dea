import type { Keys } from "../operations/context.ts";
import type { GatewayView } from "../protocol/api-keys.ts";
import type { Clock } from "../std/clock.ts";
import { Failure } from "../std/failure.ts";
import { type ApiKeyRow, createApiKeys, type KeyUse } from "../store/api-keys.ts";
import type { Database } from "../store/database.ts";
import { createQuietWrite } from "./quiet-write.ts";

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
  makeLogin: Keys["makeLogin"];
  uis: Keys["uis"];
}

interface Parts {
  readonly db: Database;
  /** The same database for reading. */
  readonly reader: Database;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Nobody knows any more what is on disk. */
  readonly crash: (error: unknown) => void;
}

/** Opens it. A key that is removed is refused from then on. */
export function createKeyBook({ db, reader, clock, crash }: Parts): KeyBook {
  const keys = createApiKeys(db, reader);
  let gateway: Listening | null = null;
  const write = createQuietWrite({ db, clock, crash });
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
    uis: () => gateway?.uis() ?? [],
    async makeLogin(asked) {
      if (gateway !== null) return gateway.makeLogin(asked);
      const what = asked.ui === null ? "the dashboard" : "the pages of workers";
      throw new Failure("gateway/off", `the gateway is off, and ${what} with it`, {
        why: "config.yaml does not ask for it",
        hint: "add the line  gateway: { listen: 127.0.0.1:7707 }  to config.yaml, then orch down and orch up",
      });
    },
  };
}

function nameTaken(name: string): Failure {
  return new Failure("key/exists", `there is a key ${name} already`, {
    hint: `orch keys rm ${name}, or choose another --name`,
  });
}
