import { Failure } from "../../std/failure.ts";
import { surfaceAccess } from "../access.ts";
import { openHeaders } from "../forward/headers.ts";
import { inTurn } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { passOn } from "../forward/pass-on.ts";
import { wholeAnswers } from "../openai/manners.ts";
import { withQuery } from "../openai/serve-json.ts";
import type { Exchange, Surface } from "../port.ts";
import { sendProblem } from "../problem.ts";
import type { ServedModel } from "../request-port.ts";
import { isWebSocket } from "../upgrades.ts";
import { passSocket } from "./web-socket.ts";

const PREFIX = "/upstream/";
const ROUTE = "/upstream/:runtime/*";

/** A worker's own server, as it is: whatever it answers to, by any method, and its WebSockets. */
export function upstreamSurface(kit: Kit): Surface {
  return {
    name: "upstream",
    owns: (path) => path.startsWith(PREFIX),
    sendError: sendProblem,
    find: (method) => ({
      route: `${method} ${ROUTE}`,
      access: surfaceAccess.upstream,
      serve: (exchange) => serveUpstream(kit, exchange),
    }),
  };
}

async function serveUpstream(kit: Kit, exchange: Exchange): Promise<void> {
  const { request, caller } = exchange;
  const { name, path } = splitPath(exchange.path);
  const served = withServer(kit.port.requests.model(name, caller));
  const length = request.headers["content-length"];
  const hasBody = request.headers["transfer-encoding"] !== undefined || Number(length ?? 0) > 0;
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params },
    manner: wholeAnswers,
    attempt(turn, upstream, waiting) {
      const headers = { ...openHeaders(request.headers), ...turn.headers };
      const target = withQuery(path, exchange.query);
      if (isWebSocket(request))
        return passSocket(exchange, { endpoint: turn.endpoint, path: target, headers });
      return passOn({
        exchange,
        waiting,
        upstream,
        request: {
          method: request.method ?? "GET",
          path: target,
          headers: length === undefined ? headers : { ...headers, "content-length": length },
          body: hasBody ? request : null,
        },
        canRepeat: () => !hasBody,
        asPieces: (_status, text) => text,
      });
    },
  });
}

/**
 * The runtime, or an alias, and the path on its server, with its dots resolved once: the server gets what was looked at.
 * @throws Failure request/malformed
 */
function splitPath(path: string): { readonly name: string; readonly path: string } {
  const rest = path.slice(PREFIX.length);
  const slash = rest.indexOf("/");
  const name = slash < 0 ? rest : rest.slice(0, slash);
  const base = "http://worker";
  try {
    const { pathname, origin } = new URL(`${base}${slash < 0 ? "/" : rest.slice(slash)}`);
    if (origin === base) return { name: decodeURIComponent(name), path: pathname };
  } catch {
    // Said below.
  }
  throw new Failure("request/malformed", "the path is not encoded right", {
    hint: "/upstream/RUNTIME/PATH",
  });
}

function withServer(model: ServedModel): ServedModel {
  if (model.protocol !== "orch") return model;
  throw new Failure("runtime/invalid", `${model.name} has no server of its own`, {
    why: "its workers speak the protocol of orch",
    hint: "POST /api/v1/jobs",
  });
}
