import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { toFailure } from "../../../std/failure.ts";
import type { Access } from "../../access.ts";
import { createBodies } from "../../forward/bodies.ts";
import type { Exchange, GatewayPort, OpenRoute, Surface } from "../../port.ts";
import { TooMany } from "../../too-many.ts";
import { answerText } from "../answer.ts";
import { admitAsOwner, hasOrchKey } from "../open-admit.ts";
import { appConfig } from "./config-page.ts";
import { ADMIN_HEADERS, type JobsCall, type JobsDesk, refuse } from "./desk.ts";
import { gpuMetrics, latestMetrics } from "./gpu-pages.ts";
import { stopIdleWorkers } from "./idle-stop.ts";
import { cancelJob, jobList, jobStatus, jobSummary, retryJob } from "./job-pages.ts";
import type { JobsOptions } from "./options.ts";
import { createRegistry } from "./registry.ts";
import { submit } from "./submit.ts";
import { workerAction, workerList, workerStatus } from "./worker-pages.ts";

interface Row {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  readonly access: Access;
  readonly call: JobsCall;
}

const row = (method: Row["method"], path: RegExp, access: Access, call: JobsCall): Row => ({
  ...{ method, path, access, call },
});

const table: readonly Row[] = [
  row("POST", /^\/submit$/, "submit", submit),
  row("GET", /^\/status(?:\/([^/]*))?$/, "read", jobStatus),
  row("GET", /^\/workers$/, "read", workerList),
  row("GET", /^\/admin\/jobs$/, "read", jobList),
  row("POST", /^\/admin\/jobs\/([^/]+)\/cancel$/, "submit", cancelJob),
  row("POST", /^\/admin\/jobs\/([^/]+)\/retry$/, "submit", retryJob),
  row("GET", /^\/admin\/workers\/status$/, "read", workerStatus),
  row("POST", /^\/admin\/workers\/action$/, "admin", workerAction),
  row("GET", /^\/admin\/metrics\/gpu$/, "read", gpuMetrics),
  row("GET", /^\/admin\/metrics\/latest$/, "read", latestMetrics),
  row("GET", /^\/admin\/metrics\/summary$/, "read", jobSummary),
  row("GET", /^\/admin\/config$/, "read", appConfig),
];

const OWN = /^\/(?:submit|workers|status(?:\/.*)?|admin\/.*)$/;
/** A body may hold a picture or two. */
const MOST_BODY_BYTES = 32 * 2 ** 20;

/** What a page of any origin is told that it may. */
const CORS: OutgoingHttpHeaders = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": "authorization, content-type, x-api-key, x-correlation-id",
  "access-control-max-age": "600",
  "cross-origin-resource-policy": "cross-origin",
};

const preflight: OpenRoute = {
  route: "OPTIONS (jobs)",
  access: "open",
  serve: async ({ response }) => void response.writeHead(204, { ...CORS, "content-length": 0 }).end(),
};

function setAll(response: ServerResponse, headers: OutgoingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) response.setHeader(name, value);
}

function shared(exchange: Exchange, headers: OutgoingHttpHeaders): Exchange {
  setAll(exchange.response, headers);
  return exchange;
}

/**
 * The job orchestrator: its paths, its texts, its ids.
 * @throws Failure config/invalid, file/unreadable: one of its files cannot be taken as it is
 */
export function jobsSurface(port: GatewayPort, options: JobsOptions): Surface {
  const desk: JobsDesk = {
    port,
    registry: createRegistry(port, options),
    bodies: createBodies(MOST_BODY_BYTES),
  };
  stopIdleWorkers(desk);
  // Where no key is asked for, a page that somebody happens to look at must not give orders.
  const anyOrigin = options.anyOrigin ?? !options.open;
  const headers = anyOrigin ? CORS : {};
  return {
    name: "jobs",
    owns: (path) => OWN.test(path),
    anyOrigin,
    find: (method, path) => {
      // What a browser asks before it asks.
      if (method === "OPTIONS" && anyOrigin) return preflight;
      const rows = table.filter((each) => each.path.test(path));
      const found = rows.find((each) => each.method === method);
      const id = decoded(found?.path.exec(path)?.[1] ?? "");
      const route = `${method} ${path.replace(/[^/]{20,}/, ":id")} (jobs)`.slice(0, 100);
      if (found !== undefined)
        return {
          route,
          access: found.access,
          serve: async (exchange) => found.call(desk, shared(exchange, headers), id),
        };
      const [status, text] =
        rows.length > 0 ? ([405, "Method not allowed"] as const) : ([404, "Not found"] as const);
      return {
        route,
        access: "read",
        serve: async (exchange) => refuse(shared(exchange, headers), status, text),
      };
    },
    sendError: (response, error) => {
      if (!response.headersSent) setAll(response, headers);
      sendError(response, error);
    },
    // The old system was open, its administration too: so is this one where it is said to be.
    admit: (request) =>
      options.open && !hasOrchKey(request)
        ? admitAsOwner(port, ["read", "submit", "admin"], true)
        : Promise.resolve(null),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One line of text. */
function sendError(response: ServerResponse, error: unknown): void {
  const failure = toFailure(error);
  if (failure instanceof TooMany && Number.isFinite(failure.retryAfterMs))
    response.setHeader("retry-after", Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  const isOurs = failure.httpStatus < 500 && failure.httpStatus !== 499;
  const isAdmin = (response.req.url ?? "").includes("/admin/");
  const text = `${failure.sentence.replaceAll(/\s+/g, " ")}\n`;
  // An app without a runtime, a GPU that is too small: to its clients the server has failed.
  const isMisset = /^(runtime|gpu|host|engine)\//.test(failure.code);
  answerText(response, isOurs && !isMisset ? failure.httpStatus : 500, text, isAdmin ? ADMIN_HEADERS : {});
}
