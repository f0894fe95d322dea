import type { ServerResponse } from "node:http";
import type { GatewayPort } from "./port.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What becomes known of a request while it is answered. */
export interface AuditLine {
  /** "none" until it is known; never the path itself, nor what was in the query. */
  route: string;
  keyId: string | null;
  user: string | null;
}

interface Answered {
  readonly method: string | undefined;
  /** Address of the caller: asked at first, since a request that was broken off has no socket any more. */
  readonly from: string | undefined;
  readonly response: ServerResponse;
  readonly correlation: string | null;
  readonly startMs: number;
}

/** Lines about those who were not let in: a stranger must not be able to fill the log. */
const STRANGERS = { count: 300, perMs: 60_000 };

/** Writes a line for each request into the daemon's log. `unlogged` says how many before it got none. */
export function createAudit({ clock, log }: GatewayPort): (line: AuditLine, answered: Answered) => void {
  const strangers = new TokenBucket(STRANGERS, clock.nowMs());
  let unlogged = 0;
  return (line, { method, from, response, correlation, startMs }) => {
    if (line.keyId === null && strangers.take(1, clock.nowMs()) > 0) {
      unlogged += 1;
      return;
    }
    const status = response.headersSent ? response.statusCode : null;
    const ms = Math.round(clock.monotonicMs() - startMs);
    const said = { method, status, ms, correlation, from, ...line };
    log.audit(unlogged === 0 ? said : { unlogged, ...said });
    unlogged = 0;
  };
}
