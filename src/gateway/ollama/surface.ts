import { z } from "zod";
import { Failure } from "../../std/failure.ts";
import { surfaceAccess } from "../access.ts";
import { refuseOtherBody } from "../check-origin.ts";
import { answerJson } from "../forward/answer-json.ts";
import type { Kit } from "../forward/kit.ts";
import type { Exchange, GatewayRoute, Surface } from "../port.ts";
import { sendOllamaError } from "./errors.ts";
import { listLoaded, listTags, showModel, VERSION } from "./listing.ts";
import { readBody } from "./request.ts";
import { serveChat, serveEmbed, serveGenerate } from "./serve-text.ts";

type Serve = (exchange: Exchange) => Promise<void>;

/** What changes the models of a host is not for its callers. */
const REFUSED = [
  "POST /api/pull",
  "POST /api/push",
  "POST /api/create",
  "POST /api/copy",
  "DELETE /api/delete",
];

const ShowBody = z.object({ model: z.string().optional(), name: z.string().optional() });

/** What clients of Ollama ask for, served by the same workers as OpenAI's. */
export function ollamaSurface(kit: Kit): Surface {
  const { port } = kit;
  const reading: Readonly<Record<string, Serve>> = {
    "GET /api/tags": (exchange) => listTags(port, exchange),
    "GET /api/ps": (exchange) => listLoaded(port, exchange),
    "GET /api/version": async ({ response }) => answerJson(response, { version: VERSION }),
    "POST /api/show": withBody(async (exchange) => {
      const body = readBody(ShowBody, await kit.bodies.read(exchange.request, exchange.signal));
      await showModel(port, body.model ?? body.name ?? "", exchange);
    }),
  };
  const working: Readonly<Record<string, Serve>> = {
    "POST /api/chat": withBody((exchange) => serveChat(kit, exchange)),
    "POST /api/generate": withBody((exchange) => serveGenerate(kit, exchange)),
    "POST /api/embed": withBody((exchange) => serveEmbed(kit, exchange, false)),
    "POST /api/embeddings": withBody((exchange) => serveEmbed(kit, exchange, true)),
  };
  const routes = new Map<string, GatewayRoute>();
  for (const [route, serve] of Object.entries(reading))
    routes.set(route, { route, access: surfaceAccess.list, serve });
  for (const [route, serve] of Object.entries(working))
    routes.set(route, { route, access: surfaceAccess.infer, serve });
  for (const route of REFUSED) routes.set(route, { route, access: surfaceAccess.list, serve: refuse });
  const paths = new Set([...routes.keys()].map((route) => route.slice(route.indexOf(" ") + 1)));
  return {
    name: "ollama",
    owns: (path) => paths.has(path),
    sendError: sendOllamaError,
    find: (method, path) => routes.get(`${method} ${path}`) ?? null,
  };
}

/** A key is proof enough that no page has sent it: curl -d says of its JSON that it is a form. */
function withBody(serve: Serve): Serve {
  return async (exchange) => {
    if (exchange.request.headers.authorization === undefined) refuseOtherBody(exchange.request);
    await serve(exchange);
  };
}

async function refuse(): Promise<never> {
  throw new Failure("permission/denied", "models are not pulled, made or removed here", {
    why: "they are runtimes of this host",
    hint: "GET /api/tags lists them; orch runtimes on the host",
  });
}
