import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type {
  CallRoute,
  InputOf,
  LineOf,
  OutputOf,
  StreamInputOf,
  StreamRoute,
} from "../../src/client/client.ts";
import { Failure, toFailure } from "../../src/std/failure.ts";

/** Recorded answers by route, typed as the API is. A stream may throw a Failure in its midst. */
export type Answers = { [R in CallRoute]?: (input: InputOf<R>) => OutputOf<R> | Promise<OutputOf<R>> } & {
  [R in StreamRoute]?: (input: StreamInputOf<R>) => AsyncIterable<LineOf<R>> | Iterable<LineOf<R>>;
};

export interface SocketServer extends AsyncDisposable {
  readonly dir: string;
  readonly socket: string;
  readonly server: Server;
  /** Every request so far: "POST /jobs" and its input. */
  readonly seen: { route: string; input: Record<string, unknown> }[];
}

/** A temp folder that is removed when the scope ends. */
export function tempDir(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "orch-cli-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A real HTTP server on a real Unix socket that handles requests as `handler` says. */
export async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<SocketServer> {
  const temp = tempDir();
  const socket = join(temp.path, "s.sock");
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    dir: temp.path,
    socket,
    server,
    seen: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      temp[Symbol.dispose]();
    },
  };
}

/** A daemon as far as the socket shows it, that gives recorded answers. */
export async function serveAnswers(answers: Answers): Promise<SocketServer> {
  const routes = Object.entries(answers).map(([route, answer]) => ({ ...patternOf(route), route, answer }));
  const served: SocketServer = await listen((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      const failure = toFailure(error);
      if (!response.headersSent) response.writeHead(failure.httpStatus);
      response.end(`${JSON.stringify({ error: failure.toBody() })}\n`);
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "", "http://localhost");
    const body = await text(request);
    for (const { route, method, pattern, answer: reply } of routes) {
      const match = pattern.exec(url.pathname);
      if (request.method !== method || match === null) continue;
      const input = { ...Object.fromEntries(url.searchParams), ...parse(body), ...match.groups };
      served.seen.push({ route, input });
      const value: unknown = await (reply as (input: unknown) => unknown)(input);
      await send(response, value);
      return;
    }
    throw new Failure("request/unknown-route", `no answer recorded for ${request.method} ${url.pathname}`);
  };
  return served;
}

async function send(response: ServerResponse, value: unknown): Promise<void> {
  if (!isIterable(value)) {
    response.end(JSON.stringify(value));
    return;
  }
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  for await (const line of value) response.write(`${JSON.stringify(line)}\n`);
  response.end();
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

function patternOf(route: string): { method: string; pattern: RegExp } {
  const [method = "", path = ""] = route.split(" ");
  return { method, pattern: new RegExp(`^/api/v1${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`) };
}

function parse(body: string): Record<string, unknown> {
  return body === "" ? {} : (JSON.parse(body) as Record<string, unknown>);
}
