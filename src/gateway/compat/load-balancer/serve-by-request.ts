import { startDeadline } from "../../../std/deadline-signal.ts";
import type { Json } from "../../../std/json.ts";
import { BrokenOff, send } from "../../forward/send.ts";
import type { Turn } from "../../request-port.ts";
import { isObject } from "../parse-object.ts";
import type { Done, Running, Work } from "./balancer.ts";
import { fieldsOf, requestFor } from "./openai-call.ts";
import { badGateway, Refusal, tooSlow } from "./refusal.ts";

const MOST_ANSWER_BYTES = 64 * 2 ** 20;

/**
 * Serves with a server of protocol `openai`: a request of the desk, which goes to an idle worker first, leaves the lane when its
 * caller hangs up, and takes another worker when one cannot be reached.
 * @throws Refusal; Failure as the desk does
 */
export async function serveByRequest(work: Work): Promise<Done> {
  const { balancer, target, caller, signal, prepared } = work;
  const { port, connections } = balancer;
  const summary = `POST /infer ${prepared.kind.name}`;
  const { runtime, params } = target;
  const open = await port.requests.enter({ runtime, params, caller, summary, signal });
  let last: Running | null = null;
  for (;;) {
    const turn = await open.next().catch((error: unknown) => {
      // Its worker was lost, and there is no other attempt.
      if (last === null || signal.aborted) throw error;
      throw badGateway(last.id);
    });
    const running = work.begin(turn.worker.id);
    last = running;
    let outcome: "succeeded" | "failed" | "lost" = "failed";
    try {
      const fields = await ask(work, turn, running);
      outcome = "succeeded";
      return { fields, running, worker: turn.worker };
    } catch (error) {
      if (!(error instanceof BrokenOff)) throw error;
      outcome = "lost";
    } finally {
      running.end();
      turn.end(outcome);
    }
    connections.drop(turn);
  }
}

async function ask({ balancer, prepared, signal, requestId, caller }: Work, turn: Turn, running: Running) {
  const { port, connections, options } = balancer;
  const { kind } = prepared;
  const seconds = options.models[kind.name]?.timeoutSeconds ?? kind.timeoutSeconds;
  const limit = startDeadline(seconds * 1000, signal);
  const ids = { "x-request-id": requestId, "x-orch-correlation": caller.correlation ?? requestId };
  const request = requestFor(prepared, turn.model, { ...turn.headers, ...ids });
  const chunks: Buffer[] = [];
  let [status, bytes] = [0, 0];
  const taker = {
    head: (code: number): void => {
      status = code;
    },
    data: (chunk: Buffer): boolean => {
      bytes += chunk.length;
      if (bytes > MOST_ANSWER_BYTES) throw badGateway(running.id);
      chunks.push(chunk);
      return true;
    },
  };
  try {
    await send(connections.to(turn).pool, request, taker, limit.signal);
  } catch (error) {
    throw limit.isLate() ? tooSlow(running.id) : error;
  } finally {
    limit.end();
  }
  const answer = parse(Buffer.concat(chunks));
  if (status >= 400) throw refusalOf(status, answer, running.id);
  try {
    return fieldsOf(prepared, answer, (port.clock.monotonicMs() - running.sinceMs) / 1000);
  } catch {
    throw badGateway(running.id);
  }
}

function parse(body: Buffer): Json {
  try {
    return JSON.parse(body.toString("utf8")) as Json;
  } catch {
    return body.toString("utf8").slice(0, 1000);
  }
}

/** What the worker has against a request is told as it says it; its own troubles are a bad gateway. */
export function refusalOf(status: number, answer: Json, worker: number): Refusal {
  if (status >= 500) return badGateway(worker);
  const error = isObject(answer) ? (answer["error"] ?? answer) : answer;
  const said = isObject(error) ? (error["message"] ?? error["detail"]) : error;
  const message = typeof said === "string" ? said : JSON.stringify(said ?? answer);
  const code = isObject(error) ? String(error["code"] ?? error["type"] ?? "") : "";
  return saysTooLong(`${code} ${message}`)
    ? new Refusal(400, { error: "context_length_exceeded", message })
    : new Refusal(status, message);
}

/** Servers say it in many ways. */
export function saysTooLong(text: string): boolean {
  return /context.{0,20}(length|window|size)|exceed_context|too many tokens|maximum context/i.test(text);
}
