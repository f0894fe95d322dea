import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { Failure } from "../../std/failure.ts";
import { inTurn } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { passOn } from "../forward/pass-on.ts";
import { wholeAnswers } from "../openai/manners.ts";
import type { Exchange } from "../port.ts";
import type { ServedModel } from "../request-port.ts";
import { isWebSocket } from "../upgrades.ts";
import { passSocket } from "./web-socket.ts";

/** A request for a worker's own server, whatever it is. */
export interface Visit {
  readonly kit: Kit;
  readonly exchange: Exchange;
  /** The runtime whose worker is asked. */
  readonly served: ServedModel;
  /** On its server, with the query. */
  readonly path: string;
  /** Sent to it. */
  readonly headers: Readonly<Record<string, string>>;
  /** What of its headers the caller gets. */
  readonly headersOf: (given: IncomingHttpHeaders) => OutgoingHttpHeaders;
}

/**
 * Waits for a turn on a worker and passes the request on, or the WebSocket, and what comes back.
 * @throws Failure runtime/invalid, and as `inTurn` and `passOn` do
 */
export async function passThrough(visit: Visit): Promise<void> {
  const { kit, exchange, served, path, headersOf } = visit;
  const { request } = exchange;
  refuseWithoutServer(served);
  const length = request.headers["content-length"];
  const hasBody = request.headers["transfer-encoding"] !== undefined || Number(length ?? 0) > 0;
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params },
    manner: wholeAnswers,
    attempt(turn, upstream, waiting) {
      const headers = { ...visit.headers, ...turn.headers };
      if (isWebSocket(request))
        return passSocket(exchange, { endpoint: turn.endpoint, path, headers, headersOf });
      return passOn({
        exchange,
        waiting,
        upstream,
        request: {
          method: request.method ?? "GET",
          path,
          headers: length === undefined ? headers : { ...headers, "content-length": length },
          body: hasBody ? request : null,
        },
        canRepeat: () => !hasBody,
        asPieces: (_status, text) => text,
        headersOf,
        isAtOnce: true,
      });
    },
  });
}

/** @throws Failure runtime/invalid */
export function refuseWithoutServer({ name, protocol }: ServedModel): void {
  if (protocol !== "orch") return;
  throw new Failure("runtime/invalid", `${name} has no server of its own`, {
    why: "its workers speak the protocol of orch",
    hint: "POST /api/v1/jobs",
  });
}
