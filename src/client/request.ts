import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectSocket, type Socket } from "node:net";
import { assert } from "../std/assert.ts";
import { errnoOf, Failure, type FailureBody } from "../std/failure.ts";

/** One HTTP exchange with the daemon. */
export interface Exchange {
  readonly socket: string;
  /** "POST /jobs/:job/cancel" */
  readonly route: string;
  readonly input: object;
  readonly signal?: AbortSignal | undefined;
  /** Longest silence that is still taken for work; none when left out. */
  readonly timeoutMs?: number | undefined;
  /** A connection that is there already, to be used for this. */
  readonly dialed?: Socket | undefined;
}

/**
 * Sends one request over the Unix socket and resolves with the head of its answer, whose body is still to be
 * read. Each has a connection of its own: on a Unix socket that is cheaper than the trouble of an old one.
 * @throws Failure daemon/unreachable, permission/denied, or what the daemon answered
 */
export async function exchange(spec: Exchange): Promise<IncomingMessage> {
  const { method, path, body } = encodeRequest(spec.route, spec.input);
  const headers: Record<string, string | number> = { accept: "application/json" };
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = Buffer.byteLength(body);
  }
  const request = httpRequest({
    method,
    path,
    headers,
    // Without an agent: on a Unix socket it has nothing to offer but its start-up time.
    createConnection: () => spec.dialed ?? connectSocket(spec.socket),
    ...(spec.signal === undefined ? {} : { signal: spec.signal }),
  });
  const response = await headOf(request, spec, body);
  if ((response.statusCode ?? 500) < 400) return response;
  throw failureOf(await readText(response, spec), response, spec.socket);
}

/** The whole body as text. @throws Failure daemon/unreachable when the connection breaks first. */
export async function readText(response: IncomingMessage, spec: Pick<Exchange, "socket">): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  try {
    for await (const chunk of response) text += String(chunk);
  } catch (error) {
    throw connectionFailure(error, spec.socket);
  }
  return text;
}

/** Fills `:names` of the path from the input; the rest goes to the query of a GET, to the JSON body of a POST. */
export function encodeRequest(
  route: string,
  input: object,
): { method: string; path: string; body: string | undefined } {
  const [method = "", template = ""] = route.split(" ");
  const rest: Record<string, unknown> = { ...input };
  const filled = template.replace(/:(\w+)/g, (_, name: string) => {
    const value = rest[name];
    assert(value !== undefined, `${route}: the input lacks ${name}`);
    delete rest[name];
    return encodeURIComponent(String(value));
  });
  const path = `/api/v1${filled}`;
  if (method !== "GET") return { method, path, body: JSON.stringify(rest) };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  const text = query.toString();
  return { method, path: text === "" ? path : `${path}?${text}`, body: undefined };
}

/** What a system error of the connection means to the caller. */
export function connectionFailure(error: unknown, socket: string): Failure {
  if (error instanceof Failure) return error;
  const errno = errnoOf(error);
  if (errno === "ENOENT" || errno === "ECONNREFUSED" || errno === "ENOTSOCK") {
    return new Failure("daemon/unreachable", `no daemon listens on ${socket}`, {
      hint: "orch up",
      cause: error,
    });
  }
  if (errno === "EACCES" || errno === "EPERM") {
    return new Failure("permission/denied", `not allowed to use ${socket}`, { why: errno, cause: error });
  }
  return new Failure("daemon/unreachable", `the daemon broke the connection on ${socket}`, {
    why: errno ?? (error instanceof Error ? error.message : String(error)),
    hint: "orch status",
    cause: error,
  });
}

function headOf(request: ClientRequest, spec: Exchange, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Errors that come after the head belong to whoever reads the body; the daemon may answer before it has
    // read all of a request it refuses.
    request.on("error", (error) => reject(connectionFailure(error, spec.socket)));
    request.on("response", resolve);
    if (spec.timeoutMs !== undefined) {
      const seconds = Math.round(spec.timeoutMs / 1000);
      request.setTimeout(spec.timeoutMs, () =>
        request.destroy(
          new Failure("daemon/unreachable", `the daemon did not answer within ${seconds} s`, {
            hint: "orch paths shows where its log is",
          }),
        ),
      );
    }
    request.end(body);
  });
}

function failureOf(text: string, response: IncomingMessage, socket: string): Failure {
  const body = errorIn(text);
  if (body !== undefined) return Failure.fromBody(body);
  return new Failure("daemon/unreachable", `what listens on ${socket} is not the orch daemon`, {
    why: `it answered HTTP ${response.statusCode} without orch's error body`,
    hint: "orch paths",
  });
}

/** The failure that a JSON text carries as `{"error": {code, message}}`, if it does. */
export function errorIn(text: string): FailureBody | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return errorOf(value);
}

/** As `errorIn`, of a value already parsed. */
export function errorOf(value: unknown): FailureBody | undefined {
  if (typeof value !== "object" || value === null || !("error" in value)) return undefined;
  const error = value.error;
  const isBody =
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    "message" in error &&
    typeof error.message === "string";
  return isBody ? (error as FailureBody) : undefined;
}
