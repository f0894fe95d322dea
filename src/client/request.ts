import { connect as connectSocket, type Socket } from "node:net";
import { assert } from "../std/assert.ts";
import { errnoOf, Failure, type FailureBody } from "../std/failure.ts";
import { type Answer, NotHttp, readAnswer, writeRequest } from "./http1.ts";

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

/** The answer to an exchange; `close` ends its connection, also before its body has been read. */
export interface Exchanged extends Answer {
  close(): void;
}

/**
 * Sends one request over the Unix socket and resolves with the head of its answer, whose body is still to be
 * read. Each has a connection of its own: on a Unix socket that is cheaper than the trouble of an old one.
 * @throws Failure daemon/unreachable, permission/denied, or what the daemon answered
 */
export async function exchange(spec: Exchange): Promise<Exchanged> {
  const { method, path, body } = encodeRequest(spec.route, spec.input);
  const connection = spec.dialed ?? connectSocket(spec.socket);
  giveUpInTime(connection, spec);
  try {
    writeRequest(connection, method, path, body);
    const answer = { ...(await readAnswer(connection)), close: () => void connection.destroy() };
    if (answer.status < 400) return answer;
    throw failureOf(await readText(answer, spec), answer, spec.socket);
  } catch (error) {
    connection.destroy();
    throw connectionFailure(error, spec.socket);
  }
}

/** Ends the connection when its caller aborts, or when it has been silent for too long. */
function giveUpInTime(connection: Socket, { signal, timeoutMs }: Exchange): void {
  const abort = (): void => void connection.destroy(new Error("aborted"));
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort, { once: true });
  connection.once("close", () => signal?.removeEventListener("abort", abort));
  // Errors that come while nobody reads are seen by whoever reads next.
  connection.on("error", () => {});
  if (timeoutMs === undefined) return;
  connection.setTimeout(timeoutMs, () =>
    connection.destroy(
      new Failure(
        "daemon/unreachable",
        `the daemon did not answer within ${Math.round(timeoutMs / 1000)} s`,
        {
          hint: "orch paths shows where its log is",
        },
      ),
    ),
  );
}

/** The whole body as text. @throws Failure daemon/unreachable when the connection breaks first. */
export async function readText(answer: Exchanged, spec: Pick<Exchange, "socket">): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer.body) chunks.push(chunk);
  } catch (error) {
    throw connectionFailure(error, spec.socket);
  } finally {
    answer.close();
  }
  return Buffer.concat(chunks).toString("utf8");
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
  if (error instanceof NotHttp) return notOurs(socket, error.message);
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

/** Something else listens on the socket. */
export function notOurs(socket: string, why: string, cause?: unknown): Failure {
  return new Failure("daemon/unreachable", `what listens on ${socket} does not speak orch's API`, {
    why,
    hint: "orch paths",
    cause,
  });
}

function failureOf(text: string, answer: Answer, socket: string): Failure {
  const body = errorIn(text);
  if (body !== undefined) return Failure.fromBody(body);
  return new Failure("daemon/unreachable", `what listens on ${socket} is not the orch daemon`, {
    why: `it answered HTTP ${answer.status} without orch's error body`,
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
