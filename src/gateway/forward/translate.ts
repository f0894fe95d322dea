import type { IncomingHttpHeaders } from "node:http";
import { Failure } from "../../std/failure.ts";
import type { Exchange } from "../port.ts";
import { answerJson } from "./answer-json.ts";
import type { Upstream } from "./connections.ts";
import type { Outcome, Waiting } from "./in-turn.ts";
import { send, type WorkerRequest } from "./send.ts";
import { createEventSplitter } from "./split-events.ts";

/** What became of an answer in OpenAI's words, in those of another API. */
export interface Translation {
  /** An answer that came whole. @throws Failure worker/failed when it is none */
  whole(answer: unknown): object;
  /** For a stream; null = the caller wants a whole answer. */
  readonly stream: StreamTranslation | null;
}

/** A stream in another API's words. */
export interface StreamTranslation {
  readonly type: string;
  /** Before the first piece. */
  begin(): string;
  /** What an event becomes; it may be nothing. */
  piece(event: unknown): string;
  end(): string;
}

/** What a worker's server refused, with its own status. */
export class Refusal extends Failure {
  private readonly status: number;

  constructor(status: number, message: string) {
    super("worker/failed", message);
    this.status = status;
  }

  override get httpStatus(): number {
    return this.status;
  }
}

interface Translated {
  readonly exchange: Exchange;
  readonly waiting: Waiting;
  readonly upstream: Upstream;
  readonly request: WorkerRequest;
  readonly translation: Translation;
}

const MOST_BYTES = 128 * 1024 * 1024;

/**
 * Sends a request in OpenAI's words and answers in those of another API.
 * @throws Refusal; Failure worker/failed; BrokenOff as long as nothing was answered; the reason of the signal
 */
export async function answerTranslated(translated: Translated): Promise<Outcome> {
  const { exchange, waiting, upstream, request, translation } = translated;
  const { response, signal } = exchange;
  const { stream } = translation;
  const splitter = createEventSplitter();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  let isStreamed = false;
  let isOpen = false;
  const write = (text: string): boolean => text === "" || response.write(text);
  const begin = (): void => {
    if (isOpen || stream === null) return;
    isOpen = true;
    waiting.end();
    if (!waiting.hasBegun())
      response.writeHead(200, { "content-type": stream.type, "x-accel-buffering": "no" });
    write(stream.begin());
  };
  const taker = {
    head(code: number, headers: IncomingHttpHeaders): void {
      status = code;
      isStreamed = stream !== null && code < 300 && isEventStream(headers);
    },
    data(chunk: Buffer, goOn: () => void): boolean {
      if (!isStreamed || stream === null) {
        bytes += chunk.length;
        if (bytes > MOST_BYTES) throw new Failure("worker/failed", "the worker's answer is too long");
        chunks.push(chunk);
        return true;
      }
      const texts = splitter.take(chunk).filter((data) => data !== "[DONE]");
      const text = texts.map((data) => stream.piece(parse(data))).join("");
      if (text !== "") begin();
      if (write(text)) return true;
      response.once("drain", goOn);
      return false;
    },
  };
  try {
    await send(upstream.pool, request, taker, signal);
  } catch (error) {
    if (!isOpen || signal.aborted || error instanceof Failure) throw error;
    throw new Failure("worker/failed", "the worker broke off its answer", { cause: error });
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (status >= 300) throw new Refusal(status, messageIn(text) ?? `the worker answered with ${status}`);
  if (stream === null) {
    waiting.end();
    answerJson(response, translation.whole(parse(text)));
    return "succeeded";
  }
  begin();
  // A server that does not stream: its answer is one piece.
  const last = isStreamed ? "" : stream.piece(asChunk(parse(text)));
  response.end(last + stream.end());
  return "succeeded";
}

function isEventStream(headers: IncomingHttpHeaders): boolean {
  return headers["content-type"]?.startsWith("text/event-stream") === true;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure("worker/failed", "the worker's answer is not JSON");
  }
}

/** A whole answer as an event of a stream: what is a message there is a piece of one here. */
function asChunk(answer: unknown): unknown {
  const { choices, ...rest } = answer as { choices?: { message?: unknown }[] };
  return { ...rest, choices: choices?.map(({ message, ...choice }) => ({ delta: message, ...choice })) };
}

function messageIn(text: string): string | null {
  try {
    const { error, message, detail } = JSON.parse(text) as Record<string, unknown>;
    const found =
      typeof error === "object" && error !== null ? (error as { message?: unknown }).message : error;
    const said = found ?? message ?? detail;
    return typeof said === "string" ? said.slice(0, 2_000) : null;
  } catch {
    return text === "" ? null : text.slice(0, 2_000);
  }
}
