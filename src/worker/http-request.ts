import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { request } from "node:http";
import { pipeline, Readable } from "node:stream";
import { errnoOf } from "../std/failure.ts";
import { bytesOf, type RequestBody } from "./request-body.ts";

export interface WorkerRequest {
  /** Absolute path of a Unix socket, or `http://host:port`. */
  readonly endpoint: string;
  readonly agent: Agent;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  /** Beside those that the body brings along. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is JSON. */
  readonly body: string | RequestBody | null;
  /** Gives the request up, its answer's body included; null = it may take for ever. */
  readonly signal: AbortSignal | null;
}

/**
 * Sends a request to a worker and gives the head of its answer, or why there is none. A kept-alive connection that
 * turns out to be closed is replaced once: all requests over kept-alive connections are idempotent.
 */
export async function sendToWorker(options: WorkerRequest): Promise<IncomingMessage | Error> {
  const sent = send(options);
  const answer = await answerOf(sent);
  const isStale = answer instanceof Error && sent.reusedSocket && errnoOf(answer) === "ECONNRESET";
  return isStale ? answerOf(send(options)) : answer;
}

function send(options: WorkerRequest): ClientRequest {
  const { endpoint, agent, method, path, body, signal } = options;
  const target = endpoint.startsWith("/") ? { socketPath: endpoint } : tcpTarget(endpoint);
  const headers = { ...options.headers, ...headersOf(body) };
  const sent = request({ ...target, agent, method, path, headers, ...(signal === null ? {} : { signal }) });
  if (body === null || typeof body === "string") sent.end(body ?? undefined);
  // Trouble on the way ends the request with an error, which answerOf hears.
  else pipeline(Readable.from(bytesOf(body), { objectMode: false }), sent, () => undefined);
  return sent;
}

function headersOf(body: WorkerRequest["body"]): Record<string, string | number> {
  if (body === null) return {};
  if (typeof body !== "string") return { "content-type": body.type, "content-length": body.bytes };
  return { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
}

function tcpTarget(endpoint: string): { host: string; port: string } {
  const url = new URL(endpoint);
  return { host: url.hostname, port: url.port };
}

function answerOf(sent: ClientRequest): Promise<IncomingMessage | Error> {
  return new Promise((resolve) => {
    sent.once("response", resolve);
    // Errors also come after the answer has begun (a reset); the body's own events tell about those.
    sent.on("error", resolve);
  });
}

/** The whole body of an answer as text, or null when it breaks off or is longer than `maxBytes`. */
export async function readBody(answer: IncomingMessage, maxBytes: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) return null;
    }
  } catch {
    return null;
  }
  return Buffer.concat(chunks).toString("utf8");
}
