import { Failure } from "../../std/failure.ts";
import { refuseOtherBody } from "../check-origin.ts";
import { type BodyFields, findFields, withModel } from "../forward/find-fields.ts";
import { apiHeaders } from "../forward/headers.ts";
import { inTurn } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { passOn, UnknownPath } from "../forward/pass-on.ts";
import type { Exchange } from "../port.ts";
import type { ServedModel, Turn } from "../request-port.ts";
import { serveByJob } from "./by-job.ts";
import { openaiPieces } from "./errors.ts";
import { streamed, wholeAnswers } from "./manners.ts";

/** A request with a JSON body that names its model. */
export interface AskedModel {
  readonly body: Buffer;
  readonly fields: BodyFields;
  /** The model as the caller named it. */
  readonly given: string;
  readonly served: ServedModel;
}

/** Reads such a request. @throws Failure request/malformed, request/too-large, param/missing, runtime/unknown, permission/denied */
export async function readAsked(kit: Kit, { request, caller, signal }: Exchange): Promise<AskedModel> {
  refuseOtherBody(request);
  const body = await kit.bodies.read(request, signal);
  const fields = findFields(body);
  const given = needModel(fields.model);
  return { body, fields, given, served: kit.port.requests.model(given, caller) };
}

/**
 * Serves a request with a JSON body that names its model: on to a worker, and its answer back.
 * @throws Failure of many kinds
 */
export async function serveJson(kit: Kit, path: string, exchange: Exchange): Promise<void> {
  const { request, caller } = exchange;
  const { body, fields, given, served } = await readAsked(kit, exchange);
  if (served.protocol !== "openai") return serveByJob(kit, path, exchange, { served, body });
  const headers = apiHeaders(request.headers, caller.correlation);
  // A server may also mean an earlier response, which it does not have.
  const mayLack = path === "/v1/responses" && !body.includes('"previous_response_id"');
  let isLacking = false;
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params },
    manner: fields.stream ? streamed(request.headers["x-orch-progress"]) : wholeAnswers,
    async attempt(turn, upstream, waiting) {
      const model = modelName(turn, given);
      const passing = passOn({
        exchange,
        waiting,
        upstream,
        request: {
          method: "POST",
          path: withQuery(path, exchange.query),
          headers: { ...headers, ...turn.headers },
          body: model === null ? body : withModel(body, fields, model),
        },
        isUnknown: (status) => mayLack && (status === 404 || status === 405),
        canRepeat: () => true,
        asPieces: openaiPieces,
      });
      return passing.catch((error: unknown) => {
        if (!(error instanceof UnknownPath)) throw error;
        isLacking = true;
        return "succeeded";
      });
    },
  });
  if (isLacking)
    throw new Failure("request/unknown-route", `the server of ${given} does not serve ${path}`, {
      hint: "POST /v1/chat/completions",
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
