import type { Pool } from "undici";
import { loadLater } from "../../std/load-later.ts";
import type { Turn } from "../request-port.ts";

/** The way to one worker, and what was found out about its server. */
export interface Upstream {
  readonly pool: Pool;
  /** Whether its server knows a path, as far as that was seen. */
  readonly knows: Map<string, boolean>;
}

/** Kept-alive connections to the workers that requests were sent to of late. */
export interface Connections {
  to(turn: Pick<Turn, "worker" | "endpoint">): Upstream;
  /** Forgets a worker that broke off: its connections are closed as soon as nothing is on them. */
  drop(turn: Pick<Turn, "worker" | "endpoint">): void;
}

const CONNECT_MS = 5_000;
/** Shorter than servers keep a connection: one that they close just as a request is sent over it loses a turn. */
const KEPT_MS = 2_000;
/** A worker that was asked nothing for so long may be gone. */
const FORGET_MS = 60_000;

const undici = loadLater<typeof import("undici")>("undici");

/** No connections yet. */
export function createConnections(): Connections {
  const known = new Map<string, { readonly upstream: Upstream; isFresh: boolean }>();
  const drop = (name: string): void => {
    const entry = known.get(name);
    known.delete(name);
    entry?.upstream.pool.close().catch(() => undefined);
  };
  const timer = setInterval(() => {
    for (const [name, entry] of known) {
      if (!entry.isFresh && entry.upstream.pool.stats.size === 0) drop(name);
      entry.isFresh = false;
    }
  }, FORGET_MS);
  timer.unref();
  return {
    to(turn) {
      const name = nameOf(turn);
      const found = known.get(name);
      if (found !== undefined) {
        found.isFresh = true;
        return found.upstream;
      }
      const upstream: Upstream = { pool: openPool(turn.endpoint), knows: new Map() };
      known.set(name, { upstream, isFresh: true });
      return upstream;
    },
    drop: (turn) => drop(nameOf(turn)),
  };
}

/** The next worker may listen where the last one did. */
function nameOf({ worker, endpoint }: Pick<Turn, "worker" | "endpoint">): string {
  return `${worker.id} ${endpoint}`;
}

/** Answers take as long as models do: only the way there has a limit, and whoever waits may go. */
function openPool(endpoint: string): Pool {
  const isSocket = endpoint.startsWith("/");
  return new (undici().Pool)(isSocket ? "http://localhost" : endpoint, {
    connections: null,
    pipelining: 1,
    connect: { timeout: CONNECT_MS, ...(isSocket && { socketPath: endpoint }) },
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEPT_MS,
    keepAliveMaxTimeout: KEPT_MS,
  });
}
