import path from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import { type Paths, spoolDirs } from "../config/paths.ts";
import type { Context } from "../operations/context.ts";
import type { Clock } from "../std/clock.ts";
import { createRng } from "../std/rng.ts";
import { parseAllowedPlace } from "../std/safe-fetch/address-rules.ts";
import { createSafeFetch } from "../std/safe-fetch/safe-fetch.ts";
import type { Database } from "../store/database.ts";
import { createInputFiles } from "./inputs/input-files.ts";
import { startInputSweep } from "./inputs/sweep-inputs.ts";
import { openWebhooks } from "./webhooks/webhooks.ts";
import type { World } from "./world.ts";

interface Parts {
  readonly paths: Pick<Paths, "stateDir" | "cacheDir">;
  readonly config: Pick<Config, "gateway">;
  readonly clock: Clock;
  readonly db: Database;
  /** The same database for reading. */
  readonly reader: Database;
  readonly log: Logger;
  /** Null = one user is served. */
  readonly users: object | null;
  readonly ctx: () => Context;
  readonly world: Pick<World, "queries">;
  readonly crash: (error: unknown) => void;
}

/** What goes from the daemon to addresses that others named, and what comes from there. */
export interface Outside {
  readonly forOperations: Pick<Context, "webhooks" | "inputFiles">;
  /** HMAC of a text by a secret of the daemon's own, base64. @throws Failure state/unwritable */
  sign(text: string): string;
  start(): void;
  stop(): Promise<void>;
}

/** Nothing goes out before `start`. */
export function openOutside({
  paths,
  config,
  clock,
  db,
  reader,
  log,
  users,
  ctx,
  world,
  crash,
}: Parts): Outside {
  const fetch = createSafeFetch({ allow: (config.gateway?.fetch.allow ?? []).map(parseAllowedPlace) });
  const { stateDir, cacheDir } = paths;
  const dir = path.join(stateDir, "inputs");
  const rng = createRng(process.pid);
  const webhooks = openWebhooks({ db, reader, stateDir, clock, crash, ctx, fetch, rng, log });
  let stopSweep = (): void => {};
  return {
    forOperations: {
      webhooks: webhooks.forOperations,
      inputFiles: createInputFiles({ dir, fetch, clock, servesMany: users !== null }),
    },
    sign: (text) => webhooks.secrets.sign("links", text),
    start() {
      webhooks.deliverer.start();
      stopSweep = startInputSweep({
        dirs: [dir, ...Object.values(spoolDirs(cacheDir))],
        queries: world.queries,
        clock,
      });
    },
    async stop() {
      stopSweep();
      await webhooks.deliverer.stop();
    },
  };
}
