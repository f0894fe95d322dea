import type { IncomingMessage } from "node:http";
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { messageIn } from "./answer-error.ts";
import { sendToWorker, type WorkerRequest } from "./http-request.ts";

/** The server went away, or broke off: whether a job ran is unknown. */
export class LostTouch extends Error {
  override readonly name = "LostTouch";
}

/** A request to a server; it knows its endpoint. */
export type ServiceRequest = Omit<WorkerRequest, "endpoint" | "agent">;

/** The connections to one server that was not written for orch. */
export interface ServiceConnection {
  /** The head of its answer, or why there is none. Never rejects. */
  ask(request: ServiceRequest): Promise<IncomingMessage | Error>;
  /** Ends all of them. */
  close(): void;
}

/** Longest document that is read into memory; files go to the disk as they come. */
export const MAX_DOCUMENT_BYTES = 128 * 1024 * 1024;
const MAX_PROBE_BYTES = 1024 * 1024;

/** How long the body of a refusal may take. */
const REFUSAL_MS = 5_000;

/** How long a server that says "not now" is asked again, all waits together. */
const BUSY_WAIT_MS = 120_000;
const BUSY_FIRST_MS = 250;
const BUSY_MOST_MS = 5_000;
const BUSY_GROWTH = 1.5;

/**
 * Each request has a connection of its own: a kept-alive one may be closed just as a request is sent over it, and then
 * nobody knows whether a job ran. On the loopback address that costs a tenth of a millisecond.
 * @param readKey gives the key that the server asks for; it may throw. Null = it asks for none
 */
export function createServiceConnection(
  endpoint: string,
  readKey: (() => string) | null = null,
): ServiceConnection {
  const agent = new Agent({ keepAlive: false });
  return {
    async ask(request) {
      try {
        const headers = readKey === null ? request.headers : { ...request.headers, ...bearer(readKey()) };
        return await sendToWorker({
          ...request,
          ...(headers === undefined ? {} : { headers }),
          endpoint,
          agent,
        });
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
    close: () => agent.destroy(),
  };
}

/** @throws Failure worker/failed when no header can hold the key; never with the key in it */
function bearer(key: string): Record<string, string> {
  if (/^[!-~]+$/.test(key)) return { authorization: `Bearer ${key}` };
  throw new Failure("worker/failed", "the server's key cannot be sent", {
    why: "it is empty, or holds spaces, line breaks or characters beyond ASCII",
  });
}

/**
 * Sends a job's request, again and again while the server says that it has not begun (429, 503 and `notNow`).
 * @returns the first other answer, or the last refusal after two minutes
 * @throws LostTouch
 */
export async function sendJob(
  connection: ServiceConnection,
  request: ServiceRequest & { readonly signal: AbortSignal },
  notNow: (answer: IncomingMessage) => Promise<boolean> | boolean = isNotNow,
): Promise<IncomingMessage> {
  let waitedMs = 0;
  for (let waitMs = BUSY_FIRST_MS; ; waitMs = Math.min(waitMs * BUSY_GROWTH, BUSY_MOST_MS)) {
    const answer = await connection.ask(request);
    if (answer instanceof Error) throw new LostTouch(`the server cannot be reached: ${answer.message}`);
    if (waitedMs >= BUSY_WAIT_MS || !(await notNow(answer))) return answer;
    answer.destroy();
    await sleep(waitMs, undefined, { signal: request.signal });
    waitedMs += waitMs;
  }
}

/** Too many requests, or not ready (yet): the server has not begun. */
export function isNotNow({ statusCode }: IncomingMessage): boolean {
  return statusCode === 429 || statusCode === 503;
}

/** Whether a status is one of success. */
export function isSuccess({ statusCode }: IncomingMessage): boolean {
  return statusCode !== undefined && statusCode >= 200 && statusCode < 300;
}

/**
 * The whole body of an answer.
 * @throws LostTouch when it breaks off, Failure job/failed when it is longer than `maxBytes`
 */
export async function readWhole(answer: IncomingMessage, maxBytes = MAX_DOCUMENT_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      chunks.push(chunk);
    }
  } catch {
    throw new LostTouch("the server broke off its answer");
  }
  if (bytes <= maxBytes) return Buffer.concat(chunks, bytes);
  throw new Failure("job/failed", `the server's answer is longer than ${maxBytes} bytes`);
}

/** The JSON document of an answer. @throws LostTouch, Failure job/failed when it is none */
export async function readJson(answer: IncomingMessage): Promise<Json> {
  return parseJson(await readWhole(answer), answer.headers["content-type"]);
}

/** @throws Failure job/failed when the bytes are not JSON */
export function parseJson(bytes: Buffer, contentType: string | undefined): Json {
  const text = bytes.toString("utf8");
  try {
    return JSON.parse(text) as Json;
  } catch {
    const what = contentType === undefined ? "" : ` (${contentType})`;
    throw new Failure("job/failed", `the server's answer is not JSON${what}: ${start(text)}`);
  }
}

/** A server did not take a job. */
export class Refused extends Failure {
  /** HTTP status. */
  readonly status: number;
  constructor(what: string, status: number, message: string) {
    super("job/failed", `the server refused ${what}`, {
      why: message === "" ? `HTTP ${status}` : `HTTP ${status}: ${message}`,
    });
    this.status = status;
  }
}

/**
 * The refusal that an answer is. Reads its body; one that cannot be read is left out.
 * @param what the request, like "POST /v1/embeddings"
 */
export async function refusalOf(answer: IncomingMessage, what: string): Promise<Refused> {
  const timer = setTimeout(() => answer.destroy(), REFUSAL_MS);
  const body = await readWhole(answer, MAX_PROBE_BYTES).catch(() => Buffer.alloc(0));
  clearTimeout(timer);
  const { location } = answer.headers;
  const message =
    location === undefined ? messageIn(body.toString("utf8")) : `it sends on to ${start(location)}`;
  return new Refused(what, answer.statusCode ?? 0, message);
}

/** The answer to a GET that tells about the server. */
export type Probe =
  | { readonly status: number; readonly text: string }
  | { readonly status: null; readonly error: Error };

/** Asks with GET. */
export async function probe(
  connection: ServiceConnection,
  path: string,
  signal: AbortSignal,
): Promise<Probe> {
  const answer = await connection.ask({ method: "GET", path, body: null, signal });
  if (answer instanceof Error) return { status: null, error: answer };
  try {
    const body = await readWhole(answer, MAX_PROBE_BYTES);
    return { status: answer.statusCode ?? 0, text: body.toString("utf8") };
  } catch (error) {
    return { status: null, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** The beginning of a text, for a message. */
function start(text: string): string {
  const clean = text.trim();
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}
