import { Failure } from "../../std/failure.ts";
import type { Exchange } from "../port.ts";
import type { RequestAsk, Standing, Turn } from "../request-port.ts";
import type { Upstream } from "./connections.ts";
import type { Kit } from "./kit.ts";
import { BrokenOff } from "./send.ts";
import { Refusal } from "./translate.ts";

/** How an answer came out, for the scheduler; `lost`: nothing of it was sent, and it may be asked for once more. */
export type Outcome = "succeeded" | "failed" | "lost";

/** How callers of a surface are kept waiting. */
export interface Manner {
  /** Content type of an answer that is streamed; null = it comes whole, and nothing is said before. */
  readonly streamType: string | null;
  /** Sent now and then while there is nothing else, so that nobody takes the connection for dead; null = nothing. */
  readonly ping: string | null;
  /** Tells how the request stands, where the caller asked for that. */
  readonly tell: ((standing: Standing) => string) | null;
  /** Of a stream, right behind its head; left out = nothing. */
  readonly opening?: string | undefined;
}

/** The caller's side while there is no answer yet. */
export interface Waiting {
  /** Whether the head of the answer was sent before there was one. */
  hasBegun(): boolean;
  /** The head of a stream goes out now, if it has not; the caller is kept waiting for the rest of it. */
  begin(): void;
  /** The answer comes now: nothing else is written any more. */
  end(): void;
}

/** Something to be done on a worker. */
export interface Errand {
  readonly kit: Kit;
  readonly exchange: Exchange;
  readonly ask: Omit<RequestAsk, "caller" | "signal" | "summary" | "priority">;
  readonly manner: Manner;
  /** Does it in a turn. What it throws is the end of it, but for `BrokenOff`: the turn is lost then. */
  attempt(turn: Turn, upstream: Upstream, waiting: Waiting): Promise<Outcome>;
}

/** Until then the status of an answer is the worker's own, also of a stream. */
const BEGIN_MS = 1_000;
const PING_MS = 5_000;

/**
 * Waits for a turn and does the errand, again as long as turns are lost. Gives the place back whatever happens.
 * @throws Failure as `RequestDesk.enter` and `OpenRequest.next` do, and what the attempt throws
 */
export async function inTurn({ kit, exchange, ask, manner, attempt }: Errand): Promise<void> {
  const { port, connections } = kit;
  const { request, response, caller, signal } = exchange;
  const startMs = port.clock.monotonicMs();
  const open = await port.requests.enter({
    caller,
    signal,
    summary: `${request.method} ${exchange.path}`,
    priority: priorityOf(request.headers["x-orch-priority"]),
    ...ask,
  });
  response.setHeader("x-orch-request-id", open.id);
  const waiting = keepWaiting(exchange, manner, open.standing);
  try {
    for (;;) {
      const turn = await open.next();
      if (!response.headersSent) {
        response.setHeader("x-orch-queue-ms", Math.round(port.clock.monotonicMs() - startMs));
        response.setHeader("x-orch-worker", turn.worker.name);
      }
      let outcome: Outcome = "failed";
      try {
        outcome = await attempt(turn, connections.to(turn), waiting);
      } catch (error) {
        if (error instanceof BrokenOff) outcome = "lost";
        else {
          if (error instanceof Refusal && error.httpStatus < 500) outcome = "succeeded";
          throw error;
        }
      } finally {
        turn.end(outcome);
      }
      if (outcome !== "lost") return;
      connections.drop(turn);
    }
  } catch (error) {
    // Nobody is there to be told.
    if (!signal.aborted) throw error;
  } finally {
    waiting.end();
  }
}

/** What the header x-orch-priority asks for. @throws Failure param/invalid */
export function priorityOf(given: string | string[] | undefined): number | string | undefined {
  if (given === undefined) return undefined;
  const text = String(given).trim();
  if (/^-?\d{1,4}$/.test(text)) return Number(text);
  if (/^[A-Za-z][\w-]{0,62}$/.test(text)) return text;
  throw new Failure("param/invalid", "the header x-orch-priority is not a priority", {
    why: "expected a whole number, or a name that the config gives to one",
  });
}

/**
 * Keeps the caller of a stream waiting: its head goes out after a second, then what the manner has.
 * @param standingOf how the request stands now; null = it waits no more, or nobody knows
 */
export function keepWaiting(
  { response }: Pick<Exchange, "response">,
  { streamType, ping, tell, opening = "" }: Manner,
  standingOf: () => Standing | null,
): Waiting {
  if (streamType === null) return { hasBegun: () => false, begin: () => {}, end: () => {} };
  let hasBegun = false;
  let told = "";
  const speak = (): void => {
    const standing = tell === null ? null : standingOf();
    const news = standing === null || tell === null ? "" : tell(standing);
    const text = news !== "" && news !== told ? news : (ping ?? "");
    told = news;
    if (text !== "" && !response.writableNeedDrain) response.write(text);
    timer = setTimeout(speak, PING_MS);
  };
  const begin = (): void => {
    if (hasBegun || response.destroyed) return;
    hasBegun = true;
    response.writeHead(200, { "content-type": streamType, "x-accel-buffering": "no" });
    response.flushHeaders();
    if (opening !== "") response.write(opening);
  };
  let timer = setTimeout(() => {
    begin();
    if (hasBegun) speak();
  }, BEGIN_MS);
  return { hasBegun: () => hasBegun, begin, end: () => clearTimeout(timer) };
}
