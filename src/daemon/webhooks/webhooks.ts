import path from "node:path";
import type { Webhooks } from "../../operations/context.ts";
import { parseSafeUrl } from "../../std/safe-fetch/safe-url.ts";
import type { Database } from "../../store/database.ts";
import { createJobsTogether } from "../../store/jobs-together.ts";
import { createWebhookStore } from "../../store/webhooks.ts";
import { createQuietWrite } from "../quiet-write.ts";
import { createDeliverer, type Deliverer, type DelivererParts } from "./deliverer.ts";
import { createOwnSecrets, type OwnSecrets } from "./secrets.ts";

interface Parts extends Pick<DelivererParts, "ctx" | "fetch" | "rng" | "log"> {
  readonly db: Database;
  readonly reader: Database;
  readonly stateDir: string;
  readonly clock: { monotonicMs(): number };
  readonly crash: (error: unknown) => void;
}

/** The webhooks of the daemon: what operations see of them, and what sends them. */
export interface OpenWebhooks {
  readonly forOperations: Webhooks;
  readonly deliverer: Deliverer;
  readonly secrets: OwnSecrets;
}

/** Nothing is sent before the deliverer is started. */
export function openWebhooks({ db, reader, stateDir, clock, crash, ...parts }: Parts): OpenWebhooks {
  const store = createWebhookStore(db, reader);
  const secrets = createOwnSecrets(path.join(stateDir, "webhook-secrets"));
  const write = createQuietWrite({ db, clock, crash });
  const together = createJobsTogether(reader);
  const deliverer = createDeliverer({ ...parts, store, together, write, secrets });
  return {
    deliverer,
    secrets,
    forOperations: {
      check: (url) => void parseSafeUrl(url, "webhook"),
      watch: (first, last) => deliverer.watch(first, last),
      find: (name) => store.find(name),
      list: (asked) => store.list(asked),
      retry: (names) => deliverer.retry(names),
      secretOf: (uid) => secrets.of(String(uid)),
    },
  };
}
