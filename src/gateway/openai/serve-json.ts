import { Failure } from "../../std/failure.ts";
import { refuseOtherBody } from "../check-origin.ts";
import { findFields, withModel } from "../forward/find-fields.ts";
import { apiHeaders } from "../forward/headers.ts";
import { inTurn } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { passOn } from "../forward/pass-on.ts";
import type { Exchange } from "../port.ts";
import type { Turn } from "../request-port.ts";
import { serveByJob } from "./by-job.ts";
import { openaiPieces } from "./errors.ts";
import { streamed, wholeAnswers } from "./manners.ts";

/**
 * Serves a request with a JSON body that names its model: on to a worker, and its answer back.
 * @throws Failure of many kinds
 */
export async function serveJson(kit: Kit, path: string, exchange: Exchange): Promise<void> {
  const { request, caller } = exchange;
  refuseOtherBody(request);
  const body = await kit.bodies.read(exchange.request, exchange.signal);
  const fields = findFields(body);
  const given = needModel(fields.model);
  const served = kit.port.requests.model(given, caller);
  if (served.protocol !== "openai") return serveByJob(kit, path, exchange, { served, body });
  const headers = apiHeaders(request.headers, caller.correlation);
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params },
    manner: fields.stream ? streamed(request.headers["x-orch-progress"]) : wholeAnswers,
    attempt(turn, upstream, waiting) {
      const model = modelName(turn, given);
      return passOn({
        exchange,
        waiting,
        upstream,
        request: {
          method: "POST",
          path: withQuery(path, exchange.query),
          headers: { ...headers, ...turn.headers },
          body: model === null ? body : withModel(body, fields, model),
        },
        canRepeat: () => true,
        asPieces: openaiPieces,
      });
    },
  });
}

/** @throws Failure param/missing */
export function needModel(model: string | null): string {
  if (model !== null && model !== "") return model;
  throw new Failure("param/missing", "the request names no model", { hint: "GET /v1/models lists them" });
}

/** The name by which a worker is to be asked; null = as it was given. */
export function modelName({ model }: Turn, given: string): string | null {
  return model === given ? null : model;
}

/** A path with the caller's query. */
export function withQuery(path: string, query: string): string {
  return query === "" ? path : `${path}?${query}`;
}
