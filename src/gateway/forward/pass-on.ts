import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { Failure } from "../../std/failure.ts";
import type { Exchange } from "../port.ts";
import type { Upstream } from "./connections.ts";
import { answerHeaders } from "./headers.ts";
import type { Outcome, Waiting } from "./in-turn.ts";
import { BrokenOff, send, type WorkerRequest } from "./send.ts";

/** A request that is answered with what the worker answers. */
export interface Passage {
  readonly exchange: Exchange;
  readonly waiting: Waiting;
  readonly upstream: Upstream;
  readonly request: WorkerRequest;
  /** Whether an answer with this status means that the server does not know the path: then nothing is answered, but `UnknownPath` thrown. */
  readonly isUnknown?: (status: number) => boolean;
  /** Whether the request can be sent once more. */
  readonly canRepeat: () => boolean;
  /** Made of an answer that came whole after a stream had been begun: pieces of that stream. */
  readonly asPieces: (status: number, text: string) => string;
  /** What of the worker's headers the caller gets; `answerHeaders` when left out. Called as the head goes out. */
  readonly headersOf?: (given: IncomingHttpHeaders) => OutgoingHttpHeaders;
  /** The head goes out as soon as it is there: who reads a stream may wait for that before anything is sent in it. */
  readonly isAtOnce?: boolean;
}

/** A server does not speak the API that it was asked in. */
export class UnknownPath extends Error {
  override readonly name = "UnknownPath";
}

/** Longest answer that is made to a piece of a stream. */
const MOST_WHOLE_BYTES = 1024 * 1024;

/**
 * Sends the request and passes the answer on as it comes, byte by byte, no faster than the caller reads. The head goes out with
 * the first byte, unless it is to go at once: a worker that dies before that has answered nothing.
 * @throws UnknownPath; Failure worker/failed when it broke off in the middle; the reason of the signal
 */
export async function passOn(passage: Passage): Promise<Outcome> {
  const { exchange, waiting, upstream, request, canRepeat, asPieces, headersOf = answerHeaders } = passage;
  const { response } = exchange;
  let head: { readonly status: number; readonly headers: IncomingHttpHeaders } | null = null;
  let isOpen = false;
  let whole: Buffer[] | null = null;
  let only: Buffer | null = null;
  const isUnknown = (): boolean => head !== null && passage.isUnknown?.(head.status) === true;
  const begin = (): void => {
    if (isOpen || head === null) return;
    isOpen = true;
    waiting.end();
    if (!waiting.hasBegun()) response.writeHead(head.status, headersOf(head.headers));
    else if (head.status >= 300 || !isStream(head.headers)) whole = [];
  };
  const taker = {
    head(status: number, headers: IncomingHttpHeaders): void {
      head = { status, headers };
      if (passage.isAtOnce !== true) return;
      begin();
      response.flushHeaders();
    },
    data(chunk: Buffer, goOn: () => void): boolean {
      if (isUnknown()) return true;
      if (!isOpen && isAll(chunk, head) && !waiting.hasBegun()) {
        only = chunk;
        return true;
      }
      begin();
      if (whole !== null) return collect(whole, chunk);
      if (response.write(chunk)) return true;
      response.once("drain", goOn);
      return false;
    },
  };
  try {
    await send(upstream.pool, request, taker, exchange.signal);
  } catch (error) {
    if (!(error instanceof BrokenOff)) throw error;
    if (!isOpen && canRepeat()) return "lost";
    throw new Failure("worker/failed", "the worker broke off its answer", { cause: error });
  }
  if (isUnknown()) throw new UnknownPath();
  begin();
  const { status } = head ?? { status: 502 };
  if (whole !== null) response.end(asPieces(status, Buffer.concat(whole).toString("utf8")));
  else if (only === null) response.end();
  // As text: Node writes that with the head in one piece, which costs the kernel half.
  else response.end((only as Buffer).toString("latin1"), "latin1");
  return status < 500 ? "succeeded" : "failed";
}

/** Larger answers are not copied. */
const SMALL_BYTES = 16 * 1024;

/** Whether a first piece is the whole of a small answer: it is sent together with its head. */
function isAll({ length }: Buffer, head: { readonly headers: IncomingHttpHeaders } | null): boolean {
  return length <= SMALL_BYTES && head?.headers["content-length"] === String(length);
}

/** Whether it is a list of events, of whichever kind. */
function isStream(headers: IncomingHttpHeaders): boolean {
  return /^(?:text\/event-stream|application\/x-ndjson)/.test(headers["content-type"] ?? "");
}

function collect(whole: Buffer[], chunk: Buffer): boolean {
  whole.push(chunk);
  if (whole.reduce((sum, { length }) => sum + length, 0) <= MOST_WHOLE_BYTES) return true;
  throw new Failure("worker/failed", "the worker's answer is too long, and no stream as it was asked for");
}
