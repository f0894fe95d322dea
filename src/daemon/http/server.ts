import http from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Context } from "../../operations/context.ts";
import { Correlation } from "../../protocol/inputs.ts";
import type { Caller } from "../../protocol/operation.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { giveWay } from "../../std/give-way.ts";
import type { Admit } from "../users/admit.ts";
import { answer, sendJson } from "./answer.ts";
import { listenOn, listenOnHanded, type SocketPlace } from "./listen-on.ts";
import type { IdentifyPeer } from "./peer-credentials.ts";
import { type AnyOperation, createRouter, type Match } from "./router.ts";
import { guardSocket } from "./socket-guard.ts";

export interface ApiServer {
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly socket: SocketPlace;
  /** The descriptor of a socket that listens there already; see service-manager/handed-socket.ts. */
  readonly handedFd?: number | null;
  readonly operations: readonly AnyOperation[];
  readonly ctx: Context;
  readonly identifyPeer: IdentifyPeer | null;
  /** The daemon's own user: whoever calls where peers cannot be identified. */
  readonly owner: { readonly uid: number; readonly user: string };
  readonly admit: Admit;
  readonly log: Logger;
}

const CORRELATION_HEADER = "x-correlation-id";
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 60_000;
const MAX_CONNECTIONS = 2_048;

/**
 * Serves the API on a Unix socket, for as long as the daemon lives.
 * @throws Failure socket/taken, state/unwritable
 */
export async function startServer(options: ServerOptions): Promise<ApiServer> {
  const route = createRouter(options.operations);
  const callers = new WeakMap<Socket, Caller | null>();
  const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const signal = abortOnClose(response);
    respond(options, route, callers.get(request.socket) ?? null, request, response, signal).catch(
      (error: unknown) => {
        options.log.error({ err: error, url: request.url }, "a reply could not be sent");
        response.destroy();
      },
    );
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (socket) => callers.set(socket, identify(options, socket)));
  const { handedFd = null } = options;
  await (handedFd === null ? listenOn(server, options.socket) : listenOnHanded(server, handedFd));
  const guard = guardSocket(server, options.socket, options.log);
  return {
    close: () =>
      new Promise((resolve) => {
        guard.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function identify({ identifyPeer, owner }: ServerOptions, socket: Socket): Caller | null {
  if (identifyPeer === null) return { ...owner, pid: 0 };
  return identifyPeer(socket);
}

function abortOnClose(response: http.ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}

async function respond(
  options: ServerOptions,
  route: (method: string, path: string) => Match,
  caller: Caller | null,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  try {
    // Hundreds of requests may have come at once.
    await giveWay();
    const admitted = await options.admit(caller);
    const { path, query } = splitUrl(request.url ?? "");
    const match = route(request.method ?? "", path);
    const correlation = correlationIn(request, response);
    const exchange = { request, response, query, caller: { ...admitted, correlation }, signal };
    await answer(options.ctx, match, exchange);
  } catch (error) {
    await sendFailure(options, request, response, error);
  }
}

/** What the header says that the request belongs to; said again in the answer. @throws Failure request/malformed */
function correlationIn(request: http.IncomingMessage, response: http.ServerResponse): string | undefined {
  const given = request.headers[CORRELATION_HEADER];
  if (given === undefined) return undefined;
  const { success, data, error } = Correlation.safeParse(given);
  if (!success) {
    throw new Failure("request/malformed", `the header ${CORRELATION_HEADER} is not valid`, {
      why: error.issues[0]?.message,
    });
  }
  response.setHeader(CORRELATION_HEADER, data);
  return data;
}

function splitUrl(url: string): { path: string; query: string } {
  const at = url.indexOf("?");
  return at < 0 ? { path: url, query: "" } : { path: url.slice(0, at), query: url.slice(at + 1) };
}

async function sendFailure(
  options: ServerOptions,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  error: unknown,
): Promise<void> {
  const failure = toFailure(error);
  if (failure.code === "bug")
    options.log.error({ err: error, url: request.url }, "a request failed by a bug");
  if (response.destroyed) return;
  const body = { error: failure.toBody() };
  if (response.headersSent) return void response.end(`${JSON.stringify(body)}\n`);
  // What is left of a body that was too large is not read: the connection ends with the answer.
  if (failure.code === "request/too-large") response.setHeader("connection", "close");
  await sendJson(response, failure.httpStatus, body);
}
