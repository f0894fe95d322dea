import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as a test's server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** Its whole body, as latin-1. */
  readonly body: string;
  /** Resolves once the client has closed the connection. */
  readonly closed: Promise<void>;
}

/** A real HTTP server that behaves as a test says, well or badly. */
export interface OddServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly seen: readonly SeenRequest[];
}

/** What a server does with a request; what it throws ends the test run. */
export type Behaviour = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

/** Starts a server on a free port of the loopback address. Its disposal cuts what is open. */
export async function startOddServer(behave: Behaviour): Promise<OddServer> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    const closed = new Promise<void>((resolve) => request.socket.once("close", () => resolve()));
    request.on("error", () => undefined);
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("latin1");
      const { method = "", url: path = "", headers } = request;
      const one = { method, path, headers, body, closed };
      seen.push(one);
      void behave(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers with a JSON document. */
export function answerJson(response: ServerResponse, document: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
}
