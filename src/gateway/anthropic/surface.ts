import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { surfaceAccess } from "../access.ts";
import { serveTextByJob } from "../by-job/serve-text.ts";
import { type BodyFields, withModel } from "../forward/find-fields.ts";
import { apiHeaders } from "../forward/headers.ts";
import { inTurn, type Manner, type Outcome, type Waiting } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { parseBody } from "../forward/parse-body.ts";
import { type Passage, passOn, UnknownPath } from "../forward/pass-on.ts";
import { answerTranslated } from "../forward/translate.ts";
import { jobParamsOf } from "../openai/job-params.ts";
import { type AskedModel, modelName, readAsked, withQuery } from "../openai/serve-json.ts";
import type { Exchange, Surface } from "../port.ts";
import { messageTranslation } from "./answer.ts";
import { anthropicPieces, sendAnthropicError } from "./errors.ts";
import { chatBodyOf } from "./request.ts";

const MESSAGES = "/v1/messages";
const COUNT_TOKENS = "/v1/messages/count_tokens";

const streamed: Manner = {
  streamType: "text/event-stream",
  ping: 'event: ping\ndata: {"type": "ping"}\n\n',
  tell: null,
};
const whole: Manner = { streamType: null, ping: null, tell: null };

/** What clients of Anthropic's API ask for, served by the same workers as OpenAI's. */
export function anthropicSurface(kit: Kit): Surface {
  return {
    name: "anthropic",
    owns: (path) => path === MESSAGES || path.startsWith(`${MESSAGES}/`),
    sendError: sendAnthropicError,
    find(method, path) {
      if (method !== "POST" || (path !== MESSAGES && path !== COUNT_TOKENS)) return null;
      const serve = (exchange: Exchange): Promise<void> => serveMessage(kit, path, exchange);
      return { route: `POST ${path}`, access: surfaceAccess.infer, serve };
    },
  };
}

async function serveMessage(kit: Kit, path: string, exchange: Exchange): Promise<void> {
  const { request, caller } = exchange;
  const asked = await readAsked(kit, exchange);
  const { body, fields, given, served } = asked;
  // What is wrong with it is said before it waits, whether or not it has to be put in other words.
  const chat = path === MESSAGES ? chatBodyOf(parseBody(body), given) : null;
  if (served.protocol !== "openai") return serveByJob(kit, exchange, asked, chat);
  const headers = apiHeaders(request.headers, caller.correlation);
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params },
    manner: fields.stream ? streamed : whole,
    async attempt(turn, upstream, waiting) {
      const model = modelName(turn, given) ?? given;
      const common = { exchange, waiting, upstream };
      const post = { method: "POST", headers: { ...headers, ...turn.headers } };
      if (upstream.knows.get(path) !== false) {
        const own = withModel(body, fields, model);
        const request = { ...post, path: withQuery(path, exchange.query), body: own };
        const outcome = await passOwn({ ...common, request });
        upstream.knows.set(path, outcome !== null);
        if (outcome !== null) return outcome;
      }
      if (chat === null) throw countsNone(given);
      return translate(common, { ...chat, model }, { given, fields, post });
    },
  });
}

function countsNone(given: string): Failure {
  return new Failure("request/unknown-route", `the server of ${given} does not count tokens`);
}

/** For runtimes that are no servers of this kind. @param chat the request in OpenAI's words; null = its tokens are to be counted */
async function serveByJob(
  kit: Kit,
  exchange: Exchange,
  { fields, given, served }: AskedModel,
  chat: object | null,
): Promise<void> {
  if (chat === null) throw countsNone(given);
  const { caller, signal } = exchange;
  const runtime = await kit.port.call("GET /runtimes/:runtime", { runtime: served.runtime }, caller, signal);
  await serveTextByJob(kit, exchange, {
    ...{ served, params: jobParamsOf("/v1/chat/completions", chat as Record<string, Json>, runtime) },
    manner: fields.stream ? streamed : whole,
    translate: (job) => messageTranslation(`msg_job_${job}`, given, fields.stream),
  });
}

/** To a server that speaks this API itself; null = it does not. */
async function passOwn(
  passage: Pick<Passage, "exchange" | "waiting" | "upstream" | "request">,
): Promise<Outcome | null> {
  try {
    return await passOn({
      ...passage,
      isUnknown: (status) => status === 404 || status === 405,
      canRepeat: () => true,
      asPieces: anthropicPieces,
    });
  } catch (error) {
    if (error instanceof UnknownPath) return null;
    throw error;
  }
}

interface Asked {
  readonly given: string;
  readonly fields: BodyFields;
  readonly post: { readonly method: string; readonly headers: Readonly<Record<string, string>> };
}

function translate(
  common: Pick<Passage, "exchange" | "upstream"> & { readonly waiting: Waiting },
  chat: object,
  { given, fields, post }: Asked,
): Promise<Outcome> {
  const id = `msg_${String(common.exchange.response.getHeader("x-orch-request-id") ?? "")}`;
  return answerTranslated({
    ...common,
    request: { ...post, path: "/v1/chat/completions", body: JSON.stringify(chat) },
    translation: messageTranslation(id, given, fields.stream),
  });
}
