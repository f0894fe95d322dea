import { Failure } from "../../std/failure.ts";
import { surfaceAccess } from "../access.ts";
import { refuseOtherBody } from "../check-origin.ts";
import { type BodyFields, findFields, withModel } from "../forward/find-fields.ts";
import { apiHeaders } from "../forward/headers.ts";
import { inTurn, type Manner, type Outcome, type Waiting } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { type Passage, passOn, UnknownPath } from "../forward/pass-on.ts";
import { answerTranslated } from "../forward/translate.ts";
import { modelName, needModel, withQuery } from "../openai/serve-json.ts";
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
  refuseOtherBody(request);
  const body = await kit.bodies.read(exchange.request, exchange.signal);
  const fields = findFields(body);
  const given = needModel(fields.model);
  const served = kit.port.requests.model(given, caller);
  if (served.protocol !== "openai")
    throw new Failure("runtime/invalid", `${given} is no server that a chat could be held with`, {
      why: `its protocol is ${served.protocol}`,
    });
  // What is wrong with it is said before it waits, whether or not it has to be put in other words.
  const chat = path === MESSAGES ? chatBodyOf(parse(body), given) : null;
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
      if (chat === null)
        throw new Failure("request/unknown-route", `the server of ${given} does not count tokens`);
      return translate(common, { ...chat, model }, { given, fields, post });
    },
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

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new Failure("request/malformed", "the body of the request is not JSON");
  }
}
