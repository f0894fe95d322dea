import type { IncomingMessage, ServerResponse } from "node:http";
import { isAbsolute, join } from "node:path";
import { Failure, toFailure } from "../../../std/failure.ts";
import { parseListenAddress } from "../../../std/listen-address.ts";
import { createBodies } from "../../forward/bodies.ts";
import { createConnections } from "../../forward/connections.ts";
import type { Admitted, GatewayPort, GatewayRoute, OpenRoute, Surface } from "../../port.ts";
import { TooMany } from "../../too-many.ts";
import { answerJson } from "../answer.ts";
import { admitAsOwner, hasOrchKey } from "../open-admit.ts";
import { createApiKeysFile } from "./api-keys-file.ts";
import type { Balancer } from "./balancer.ts";
import { dashboard } from "./dashboard.ts";
import { infer } from "./infer.ts";
import { createLogFiles } from "./log-files.ts";
import { logRecords, logText } from "./log-pages.ts";
import { createMedia } from "./media.ts";
import type { LoadBalancerOptions } from "./options.ts";
import { createPools } from "./pools.ts";
import { Refusal } from "./refusal.ts";
import { correlationOf, requestIdOf } from "./request-id.ts";
import { createSessions } from "./sessions.ts";
import { hello, metrics, type PageCall, poolStatus } from "./status-pages.ts";

interface Page {
  readonly call: PageCall;
  /** It shows what people asked models: beyond the loopback address only to those who have a key. */
  readonly isPrivate: boolean;
}

const pages: Readonly<Record<string, Page>> = {
  "/": { call: hello, isPrivate: false },
  "/status": { call: poolStatus, isPrivate: false },
  "/metrics": { call: metrics, isPrivate: false },
  "/dashboard": { call: dashboard, isPrivate: false },
  "/logs": { call: logText, isPrivate: true },
  "/logs_json": { call: logRecords, isPrivate: true },
};

/** A body may hold eight pictures. */
const MOST_BODY_BYTES = 64 * 2 ** 20;
const NO_KEY = "Invalid or missing API key. Please provide a valid X-API-Key header.";

/** The load balancer: its paths, its keys, its errors. @throws Failure usage/invalid: a setting is wrong */
export function loadBalancerSurface(port: GatewayPort, options: LoadBalancerOptions): Surface {
  const balancer: Balancer = {
    port,
    options,
    pools: createPools(port.clock, options),
    media: createMedia(options),
    sessions: createSessions(port.clock),
    keys: createApiKeysFile(port, options.apiKeys),
    logs: createLogFiles(port, () => logDir(port, options)),
    bodies: createBodies(MOST_BODY_BYTES),
    connections: createConnections(),
    gpuIndices: new Map(),
  };
  const isLoopback = options.listen !== null && parseListenAddress(options.listen).isLoopback;
  return {
    name: "load-balancer",
    owns: (path) => path === "/infer" || Object.hasOwn(pages, path),
    find: (method, path) => {
      const page = pages[path];
      if (path === "/infer" && method === "POST")
        return { route: "POST /infer", access: "submit", serve: (exchange) => infer(balancer, exchange) };
      if (page === undefined || method !== "GET") return notAllowed(method, path);
      return pageRoute(balancer, path, page, page.isPrivate && !isLoopback);
    },
    sendError,
    correlationOf,
    isPage: (path) => path === "/dashboard",
    admit: (request) => admit(balancer, request),
    hasKeys: () => balancer.keys.mayLetIn(),
  };
}

function pageRoute(
  balancer: Balancer,
  path: string,
  { call }: Page,
  isGuarded: boolean,
): GatewayRoute | OpenRoute {
  const route = `GET ${path} (load balancer)`;
  const serve = async (exchange: Parameters<PageCall>[1]): Promise<void> => call(balancer, exchange);
  return isGuarded ? { route, access: "read", serve } : { route, access: "open", serve };
}

function notAllowed(method: string, path: string): OpenRoute {
  return {
    route: `${method.slice(0, 10)} ${path} (load balancer)`,
    access: "open",
    serve: () => Promise.reject(new Refusal(405, "Method Not Allowed")),
  };
}

/** By api_keys.json, where there is one; else, and for who has another key, as elsewhere. */
async function admit({ keys, port, options }: Balancer, request: IncomingMessage): Promise<Admitted | null> {
  const given = request.headers["x-api-key"];
  const key = typeof given === "string" ? given : undefined;
  const verdict = keys.judge(key, request.socket.remoteAddress);
  if (verdict === "no file") return null;
  if (verdict === "let in") return admitAsOwner(port, ["read", "submit"], false);
  // A broken file lets nobody in, orch's own keys included: nobody knows what it meant to say.
  if (verdict === "broken" || (options.open && key === undefined && !hasOrchKey(request)))
    throw new Failure("key/refused", NO_KEY);
  return null;
}

async function logDir(port: GatewayPort, { logDir: given }: LoadBalancerOptions): Promise<string> {
  const named = given ?? process.env["LOG_DIR"] ?? "";
  if (isAbsolute(named)) return named;
  const { paths } = await port.call("GET /status", {}, await port.admit(port.owner));
  return join(paths["state"] ?? "", "load-balancer");
}

/** `{"detail": …}`, with the request's id. */
function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy();
  const { status, detail, retryAfterS } = detailOf(error);
  if (retryAfterS !== null) response.setHeader("retry-after", Math.max(1, retryAfterS));
  answerJson(response, status, { detail }, { "x-request-id": requestIdOf(response.req) });
}

function detailOf(error: unknown): Pick<Refusal, "status" | "detail" | "retryAfterS"> {
  if (error instanceof Refusal) return error;
  const failure = toFailure(error);
  const retryAfterS =
    failure instanceof TooMany && Number.isFinite(failure.retryAfterMs)
      ? Math.ceil(failure.retryAfterMs / 1000)
      : null;
  if (failure.code === "key/refused") return { status: 401, detail: NO_KEY, retryAfterS };
  if (failure.code === "bug") return { status: 500, detail: "Internal Server Error", retryAfterS };
  return { status: failure.httpStatus, detail: failure.sentence, retryAfterS };
}
