import type { IncomingMessage, ServerResponse } from "node:http";
import { Failure, toFailure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import type { Access } from "../../access.ts";
import type { Exchange, GatewayPort, GatewayRoute, OpenRoute, Surface } from "../../port.ts";
import { TooMany } from "../../too-many.ts";
import { answerJson } from "../answer.ts";
import { isObject, parseObject } from "../parse-object.ts";
import { readBytes, textOfBytes } from "../read-bytes.ts";
import { metricsOf } from "./metrics.ts";
import type { MlocOptions } from "./options.ts";
import { isDeadLetter, viewRecord, viewSubmitted } from "./record.ts";
import { sendFile, takeFile, takeResult } from "./results.ts";
import { createTokenGate } from "./token.ts";
import { createWorkerDesk, type WorkerDesk } from "./workers.ts";

/** What the calls of the task system work with. */
interface Desk {
  readonly port: GatewayPort;
  readonly workers: WorkerDesk;
}

type Call = (desk: Desk, exchange: Exchange, parts: readonly string[]) => Promise<unknown>;

interface Row {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  readonly access: Access;
  /** Gives the answer, or undefined where it has answered itself. */
  readonly call: Call;
}

const MOST_DOCUMENT_BYTES = 2 * 2 ** 20;
const MOST_BODY_BYTES = 65_536;
const MOST_LISTED = 1_000;

const table: readonly Row[] = [
  { method: "POST", path: /^\/api\/v1\/tasks\/?$/, access: "submit", call: submit },
  {
    ...{ method: "GET", path: /^\/api\/v1\/tasks\/?$/, access: "read" },
    call: async ({ port }, { caller }) => (await port.tasks.list(caller, MOST_LISTED)).map(viewRecord),
  },
  {
    ...{ method: "GET", path: /^\/api\/v1\/tasks\/([^/]+)$/, access: "read" },
    call: async ({ port }, { caller }, [id = ""]) => viewRecord(port.tasks.find(id, caller)),
  },
  {
    ...{ method: "GET", path: /^\/workers\/?$/, access: "read" },
    call: ({ workers }, { caller }) => workers.list(caller),
  },
  {
    ...{ method: "GET", path: /^\/workers\/([^/]+)$/, access: "read" },
    call: ({ workers }, { caller }, [id = ""]) => workers.find(id, caller),
  },
  { method: "POST", path: /^\/workers\/([^/]+)\/elastic$/, access: "admin", call: setElastic },
  {
    ...{ method: "POST", path: /^\/admin\/cleanup$/, access: "admin" },
    call: async ({ workers }, { caller }) => ({ ok: true, removed: await workers.cleanUp(caller) }),
  },
  {
    ...{ method: "POST", path: /^\/api\/v1\/results\/?$/, access: "submit" },
    call: async ({ port }, { request, caller }) => ({
      ok: true,
      path: await takeResult(port, request, caller),
    }),
  },
  {
    ...{ method: "GET", path: /^\/api\/v1\/results\/([^/]+)$/, access: "read" },
    call: ({ port }, { caller }, [id = ""]) => port.tasks.result(id, caller),
  },
  {
    ...{ method: "POST", path: /^\/api\/v1\/results\/([^/]+)\/files$/, access: "submit" },
    call: async ({ port }, { request, caller }, [id = ""]) => ({
      ok: true,
      path: await takeFile(port, id, request, caller),
    }),
  },
  {
    ...{ method: "GET", path: /^\/api\/v1\/results\/([^/]+)\/files\/(.+)$/, access: "read" },
    async call({ port }, { response, caller }, [id = "", name = ""]) {
      await sendFile(port, response, { id, name, caller });
      return undefined;
    },
  },
  {
    ...{ method: "GET", path: /^\/metrics$/, access: "read" },
    call: ({ port, workers }, { caller }) => metricsOf(port, workers, caller),
  },
  {
    ...{ method: "GET", path: /^\/api\/v1\/dead_letters$/, access: "read" },
    call: async ({ port }, { caller }) =>
      (await port.tasks.list(caller, MOST_LISTED, "failed")).filter(isDeadLetter).map(viewRecord),
  },
];

const OWN = /^\/(?:healthz|workers(?:\/.*)?|metrics|admin\/cleanup|api\/v1\/.*)$/;

const health: OpenRoute = {
  route: "GET /healthz (mloc)",
  access: "open",
  serve: async ({ response }) => answerJson(response, 200, { ok: true }),
};

/**
 * The task system: its paths, its words, its token.
 * @throws Failure config/invalid, file/unreadable: the file of the token cannot be taken as it is
 */
export function mlocSurface(port: GatewayPort, options: MlocOptions): Surface {
  const gate = createTokenGate(port, options);
  const desk: Desk = { port, workers: createWorkerDesk(port, options.costPerHour) };
  return {
    name: "mloc",
    owns: (path) => OWN.test(path),
    find: (method, path) => (method === "GET" && path === "/healthz" ? health : findRow(desk, method, path)),
    sendError,
    admit: gate.admit,
    hasKeys: gate.hasKeys,
  };
}

function findRow(desk: Desk, method: string, path: string): GatewayRoute {
  const rows = table.filter((each) => each.path.test(path));
  const row = rows.find((each) => each.method === method);
  if (row === undefined) {
    const status = rows.length > 0 ? 405 : 404;
    const detail = rows.length > 0 ? "Method Not Allowed" : "Not Found";
    return {
      ...{ route: "none (mloc)", access: "read" },
      serve: async ({ response }) => answerJson(response, status, { detail }),
    };
  }
  return {
    route: `${method} ${path.replaceAll(/[^/]{20,}/g, ":id").slice(0, 100)} (mloc)`,
    access: row.access,
    async serve(exchange) {
      const parts = row.path.exec(path)?.slice(1).map(decoded) ?? [];
      const answer = await row.call(desk, exchange, parts);
      if (answer !== undefined) answerJson(exchange.response, 200, answer);
    },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function submit({ port }: Desk, { request, caller }: Exchange): Promise<unknown> {
  const document = documentIn(request, textOfBytes(await readBytes(request, MOST_DOCUMENT_BYTES)));
  return viewSubmitted(await port.tasks.submit(document, caller));
}

/** YAML as it is; of JSON the text it is, or that of its key `yaml`. JSON that is a document is YAML as well. */
function documentIn({ headers }: IncomingMessage, text: string): string {
  if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) return text;
  if (text.trim() === "") return text;
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    throw new Failure(
      "task/invalid",
      `Invalid YAML: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof value === "string") return value;
  if (isObject(value) && Object.hasOwn(value, "yaml")) {
    if (typeof value["yaml"] === "string") return value["yaml"];
    throw new Failure("task/invalid", "Invalid YAML: yaml is no text");
  }
  return text;
}

async function setElastic({ workers }: Desk, { request, caller }: Exchange, [id = ""]: readonly string[]) {
  const enabled = parseObject(await readBytes(request, MOST_BODY_BYTES))?.["enabled"];
  if (typeof enabled !== "boolean") throw new Failure("task/invalid", "Missing required field: enabled");
  await workers.setElastic(id, enabled, caller);
  return { worker_id: id, enabled, elastic_disabled: !enabled };
}

/** What went wrong, as `{"detail": …}`. */
function sendError(response: ServerResponse, error: unknown): void {
  const failure = toFailure(error);
  if (failure instanceof TooMany && Number.isFinite(failure.retryAfterMs))
    response.setHeader("retry-after", Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  if (response.headersSent) return void response.destroy();
  if (failure.code === "key/refused") {
    const { authorization, "x-api-key": key } = response.req.headers;
    const isMissing = authorization === undefined && key === undefined;
    if (isMissing) response.setHeader("www-authenticate", "Bearer");
    return answerJson(response, isMissing ? 401 : 403, {
      detail: isMissing ? "Missing bearer token" : "Invalid token",
    });
  }
  const detail = failure.code === "bug" ? "internal error" : failure.sentence;
  answerJson(response, failure.httpStatus, { detail: exact.has(failure.message) ? failure.message : detail });
}

/** What clients compare with. */
const exact = new Set([
  "task not found",
  "worker not found",
  "result not found",
  "artifact not found",
  "invalid filename",
  "Request body is required",
]);
