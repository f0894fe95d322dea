import type { ServerResponse } from "node:http";
import { toFailure } from "../../../std/failure.ts";
import { packageVersion } from "../../../std/package-version.ts";
import type { Access } from "../../access.ts";
import type { Exchange, GatewayPort, GatewayRoute, OpenExchange, OpenRoute, Surface } from "../../port.ts";
import { TooMany } from "../../too-many.ts";
import { answerJson, answerText } from "../answer.ts";
import { readBytes, textOfBytes } from "../read-bytes.ts";
import type { RouterOptions } from "./options.ts";
import { history, nodeStatus, statistics, systemMetrics } from "./pages.ts";
import { readTask, Unprocessable } from "./read-task.ts";
import { createRouterDesk, type RouterDesk } from "./router-desk.ts";

const MOST_BODY_BYTES = 4 * 2 ** 20;

/** What a page of any origin is told that it may. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": "authorization, content-type, x-api-key, x-correlation-id",
  "access-control-max-age": "600",
  "cross-origin-resource-policy": "cross-origin",
};

/** The type of Prometheus's text format. */
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

const paths: Readonly<Record<string, string>> = {
  "/api/submit-task": "POST",
  "/api/task-history": "GET",
  "/api/statistics": "GET",
  "/api/node-status": "GET",
  "/api/system-metrics": "GET",
  "/api/metrics": "GET",
  "/": "GET",
  "/health": "GET",
};

/** The learned router: its paths and its answers. */
export function routerSurface(port: GatewayPort, options: RouterOptions): Surface {
  const desk = createRouterDesk(port, options);
  const anyOrigin = options.anyOrigin ?? !options.open;
  const headers = anyOrigin ? CORS : {};
  return {
    name: "router",
    owns: (path) => Object.hasOwn(paths, path) || /^\/api\/(?!v1(?:\/|$))/.test(path),
    anyOrigin,
    find: (method, path) => found(desk, port, { method, path, headers }),
    sendError: (response, error) => sendError(response, error, headers),
  };
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

function found(
  desk: RouterDesk,
  port: GatewayPort,
  { method, path, headers }: Asked,
): GatewayRoute | OpenRoute {
  const json = (response: ServerResponse, status: number, body: unknown): void =>
    answerJson(response, status, body, headers);
  const route = `${method} ${Object.hasOwn(paths, path) ? path : "none"} (router)`;
  const open = (serve: (exchange: OpenExchange) => void): OpenRoute => ({
    ...{ route, access: "open" },
    serve: async (exchange) => serve(exchange),
  });
  const guarded = (access: Access, serve: (exchange: Exchange) => Promise<void> | void): GatewayRoute => ({
    ...{ route, access },
    serve: async (exchange) => serve(exchange),
  });
  // What a browser asks before it asks.
  if (method === "OPTIONS" && Object.keys(headers).length > 0)
    return open(({ response }) => void response.writeHead(204, { ...headers, "content-length": 0 }).end());
  if (!Object.hasOwn(paths, path))
    return guarded("read", ({ response }) => json(response, 404, { detail: "Not Found" }));
  if (paths[path] !== method)
    return guarded("read", ({ response }) => json(response, 405, { detail: "Method Not Allowed" }));
  if (path === "/health") return open(({ response }) => json(response, 200, { status: "healthy" }));
  if (path === "/") return open(({ response }) => json(response, 200, aboutIt()));
  if (path === "/api/submit-task")
    return guarded("submit", async ({ request, response, caller }) => {
      const task = readTask(textOfBytes(await readBytes(request, MOST_BODY_BYTES)));
      json(response, 200, await desk.route(task, caller));
    });
  if (path === "/api/metrics")
    return guarded("read", ({ response }) => {
      answerText(response, 200, desk.metrics.text(), { ...headers, "content-type": PROMETHEUS });
    });
  const pages = {
    "/api/task-history": history,
    "/api/statistics": statistics,
    "/api/node-status": nodeStatus,
    "/api/system-metrics": systemMetrics,
  };
  const page = pages[path as keyof typeof pages];
  return guarded("read", ({ response, query, caller }) =>
    json(response, 200, page({ desk, port, query, caller })),
  );
}

function aboutIt() {
  return {
    service: "Edge-Cloud-GPU Task Orchestrator",
    version: packageVersion(),
    status: "running",
    endpoints: Object.keys(paths).filter((path) => path !== "/"),
  };
}

/** What went wrong, as `{"detail": …}`. */
function sendError(
  response: ServerResponse,
  error: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  if (error instanceof Unprocessable) return answerJson(response, 422, { detail: error.detail }, headers);
  const failure = toFailure(error);
  if (failure instanceof TooMany && Number.isFinite(failure.retryAfterMs))
    response.setHeader("retry-after", Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  if (failure.code === "key/refused") response.setHeader("www-authenticate", "Bearer");
  const detail = failure.code === "bug" ? "internal error" : failure.sentence;
  answerJson(response, failure.httpStatus, { detail }, headers);
}
