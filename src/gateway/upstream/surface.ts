import { Failure } from "../../std/failure.ts";
import { surfaceAccess } from "../access.ts";
import { answerHeaders, openHeaders } from "../forward/headers.ts";
import type { Kit } from "../forward/kit.ts";
import { withQuery } from "../openai/serve-json.ts";
import type { Exchange, Surface } from "../port.ts";
import { sendProblem } from "../problem.ts";
import { passThrough } from "./pass-through.ts";

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
  await passThrough({
    kit,
    exchange,
    served: kit.port.requests.model(name, caller),
    path: withQuery(path, exchange.query),
    headers: openHeaders(request.headers),
    headersOf: answerHeaders,
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
