import type { Json } from "../../std/json.ts";
import { submitFor, untilOver } from "../by-job/run-job.ts";
import { serveTextByJob } from "../by-job/serve-text.ts";
import { answerJson } from "../forward/answer-json.ts";
import { apiHeaders } from "../forward/headers.ts";
import { inTurn, type Manner } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { answerTranslated, type Translation } from "../forward/translate.ts";
import { embeddingsIn } from "../openai/by-job.ts";
import { jobParamsOf } from "../openai/job-params.ts";
import { wholeAnswers } from "../openai/manners.ts";
import { modelName } from "../openai/serve-json.ts";
import type { Exchange } from "../port.ts";
import type { ServedModel } from "../request-port.ts";
import { loadAnswer, nanoseconds, readVectors, type Times, textTranslation } from "./answer.ts";
import { findModel } from "./listing.ts";
import {
  ChatBody,
  chatOf,
  chatOfPrompt,
  completionOf,
  EmbedBody,
  GenerateBody,
  readBody,
} from "./request.ts";

/** Lines that hold nothing would be errors to these clients: they hear of an answer when there is one. */
const streamed: Manner = { streamType: "application/x-ndjson", ping: null, tell: null };

const EMBEDDINGS = "/v1/embeddings";

/** POST /api/chat */
export async function serveChat(kit: Kit, exchange: Exchange): Promise<void> {
  const body = readBody(ChatBody, await kit.bodies.read(exchange.request, exchange.signal));
  const isEmpty = body.messages.length === 0;
  await serveText(kit, exchange, body, {
    kind: "chat",
    isEmpty,
    path: "/v1/chat/completions",
    document: (model) => chatOf(body, model),
  });
}

/** POST /api/generate */
export async function serveGenerate(kit: Kit, exchange: Exchange): Promise<void> {
  const body = readBody(GenerateBody, await kit.bodies.read(exchange.request, exchange.signal));
  const { api } = findModel(kit.port, body.model, exchange.caller);
  const isPlain = body.raw || body.suffix !== undefined || api === "completions";
  const isEmpty = body.prompt === "" && (body.images ?? []).length === 0;
  await serveText(kit, exchange, body, {
    kind: "generate",
    isEmpty,
    path: isPlain ? "/v1/completions" : "/v1/chat/completions",
    document: (model) => (isPlain ? completionOf(body, model) : chatOfPrompt(body, model)),
  });
}

interface Wish {
  readonly kind: "chat" | "generate";
  /** Only the model is to be there, or gone. */
  readonly isEmpty: boolean;
  readonly path: string;
  /** The request in OpenAI's words, for a model as its server knows it. */
  document(model: string): object;
}

async function serveText(
  kit: Kit,
  exchange: Exchange,
  body: ChatBody | GenerateBody,
  wish: Wish,
): Promise<void> {
  const { keep_alive: keepAliveMs, model: given } = body;
  const served = findModel(kit.port, given, exchange.caller);
  const { clock } = kit.port;
  const askedMs = clock.monotonicMs();
  const speakingAt = (turnMs: number) => {
    const times: Times = { now: () => clock.monotonicMs(), askedMs, turnMs };
    return { model: given, kind: wish.kind, times, createdAt: () => new Date(clock.nowMs()).toISOString() };
  };
  const reason = keepAliveMs === 0 ? "unload" : "load";
  if (wish.isEmpty && reason === "unload" && !served.isReady)
    return answerJson(exchange.response, loadAnswer(speakingAt(askedMs), reason));
  // The document is made before it waits, so that what is wrong with it is said at once.
  const asked = wish.document(given);
  const manner = body.stream && !wish.isEmpty ? streamed : wholeAnswers;
  if (served.protocol !== "openai" && !wish.isEmpty)
    return serveTextByJob(kit, exchange, {
      ...{ served, params: await jobParams(kit, exchange, { served, path: wish.path, document: asked }) },
      manner,
      translate: () => textTranslation(speakingAt(clock.monotonicMs()), body.stream),
    });
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params, keepAliveMs },
    manner,
    async attempt(turn, upstream, waiting) {
      const speaking = speakingAt(clock.monotonicMs());
      if (wish.isEmpty) {
        answerJson(exchange.response, loadAnswer(speaking, reason));
        return "succeeded";
      }
      const document = wish.document(modelName(turn, given) ?? given);
      const headers = { ...jsonHeaders(exchange), ...turn.headers };
      return answerTranslated({
        exchange,
        waiting,
        upstream,
        request: { method: "POST", path: wish.path, headers, body: JSON.stringify(document) },
        translation: textTranslation(speaking, body.stream),
      });
    },
  });
}

/** POST /api/embed, and /api/embeddings of older clients: one text, one vector. */
export async function serveEmbed(kit: Kit, exchange: Exchange, isOld: boolean): Promise<void> {
  const body = readBody(EmbedBody, await kit.bodies.read(exchange.request, exchange.signal));
  const { model: given, keep_alive: keepAliveMs, dimensions } = body;
  const served = findModel(kit.port, given, exchange.caller);
  const input = (isOld ? body.prompt : body.input) ?? "";
  const { clock } = kit.port;
  const askedMs = clock.monotonicMs();
  const answerOf = (answer: unknown, turnMs: number): object => {
    const { vectors, tokens } = readVectors(answer);
    if (isOld) return { embedding: vectors[0] ?? [] };
    return {
      model: given,
      embeddings: vectors,
      total_duration: nanoseconds(clock.monotonicMs() - askedMs),
      load_duration: nanoseconds(turnMs - askedMs),
      prompt_eval_count: tokens,
    };
  };
  if (served.protocol !== "openai") {
    const params = await jobParams(kit, exchange, { served, path: EMBEDDINGS, document: { input } });
    const job = await submitFor(kit, exchange, { served, params });
    const done = await untilOver(kit.port, job, exchange);
    return answerJson(exchange.response, answerOf(embeddingsIn(done, given), askedMs));
  }
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params, keepAliveMs },
    manner: wholeAnswers,
    attempt(turn, upstream, waiting) {
      const turnMs = clock.monotonicMs();
      const document = { model: modelName(turn, given) ?? given, input, dimensions };
      const translation: Translation = { stream: null, whole: (answer) => answerOf(answer, turnMs) };
      const headers = { ...jsonHeaders(exchange), ...turn.headers };
      const request = { method: "POST", path: EMBEDDINGS, headers, body: JSON.stringify(document) };
      return answerTranslated({ exchange, waiting, upstream, request, translation });
    },
  });
}

function jsonHeaders({ request, caller }: Exchange): Record<string, string> {
  return { ...apiHeaders(request.headers, caller.correlation), "content-type": "application/json" };
}

interface JobAsked {
  readonly served: ServedModel;
  readonly path: string;
  /** The request in OpenAI's words. */
  readonly document: object;
}

/** For runtimes that are no servers of this kind. @throws Failure runtime/invalid, param/invalid */
async function jobParams(kit: Kit, { caller, signal }: Exchange, { served, path, document }: JobAsked) {
  const runtime = await kit.port.call("GET /runtimes/:runtime", { runtime: served.runtime }, caller, signal);
  return jobParamsOf(path, document as Record<string, Json>, runtime);
}
