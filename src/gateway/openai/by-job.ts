import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { type FinishedJob, type JobWish, submitFor, untilOver } from "../by-job/run-job.ts";
import { serveTextByJob } from "../by-job/serve-text.ts";
import { readTextOutput } from "../by-job/text-output.ts";
import { answerJson } from "../forward/answer-json.ts";
import type { Kit } from "../forward/kit.ts";
import { parseBody } from "../forward/parse-body.ts";
import type { Translation } from "../forward/translate.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import type { ServedModel } from "../request-port.ts";
import { jobParamsOf } from "./job-params.ts";
import { streamed, wholeAnswers } from "./manners.ts";
import { responseTranslation } from "./responses-answer.ts";
import { chatOfResponse } from "./responses-request.ts";
import { textTranslation } from "./text-answer.ts";

interface Asked {
  readonly served: ServedModel;
  readonly body: Buffer;
}

type Fields = Readonly<Record<string, Json>>;

const CHAT = "/v1/chat/completions";
/** Answered with a text. */
const TEXT_PATHS: ReadonlySet<string> = new Set([CHAT, "/v1/completions", "/v1/responses"]);

/** Pictures in an answer, all together. */
const MOST_PICTURE_BYTES = 256 * 1024 * 1024;

/**
 * Serves a request by a job, for runtimes that are no servers of this API: its params are made of the request, the answer of its
 * output and files.
 * @throws Failure of many kinds
 */
export async function serveByJob(kit: Kit, path: string, exchange: Exchange, asked: Asked): Promise<void> {
  const { caller, request, signal } = exchange;
  const fields = parseBody(asked.body);
  const { served } = asked;
  const runtime = await kit.port.call("GET /runtimes/:runtime", { runtime: served.runtime }, caller, signal);
  const isResponse = path === "/v1/responses";
  const params = isResponse
    ? jobParamsOf(CHAT, chatOfResponse(fields), runtime)
    : jobParamsOf(path, fields, runtime);
  if (!TEXT_PATHS.has(path)) return answerByJob(kit, path, exchange, { served, fields, params });
  const isStream = fields["stream"] === true;
  const created = Math.floor(kit.port.clock.nowMs() / 1000);
  const model = served.name;
  await serveTextByJob(kit, exchange, {
    ...{ served, params },
    manner: isStream ? streamed(request.headers["x-orch-progress"]) : wholeAnswers,
    translate(job): Translation {
      if (isResponse) return responseTranslation({ job, created, model, fields }, isStream);
      const shape = { isChat: path === CHAT, isStream, withUsage: wantsUsage(fields) };
      return textTranslation({ id: `job-${job}`, created, model }, shape);
    },
  });
}

function wantsUsage({ stream_options: options }: Fields): boolean {
  return (options as { readonly include_usage?: Json } | null | undefined)?.include_usage === true;
}

/** A job whose answer is more than a text. */
export interface AnswerWish extends JobWish {
  /** As the request has them, for how its answer is to look. */
  readonly fields: Fields;
}

/** Submits a job, waits for its end and answers with what it came to. @throws Failure of many kinds */
export async function answerByJob(
  kit: Kit,
  path: string,
  exchange: Exchange,
  wish: AnswerWish,
): Promise<void> {
  const { port } = kit;
  const job = await untilOver(port, await submitFor(kit, exchange, wish), exchange);
  await answer(port, path, exchange, { job, model: wish.served.name, fields: wish.fields });
}

interface Done {
  readonly job: FinishedJob;
  readonly model: string;
  readonly fields: Fields;
}

async function answer(port: GatewayPort, path: string, exchange: Exchange, done: Done): Promise<void> {
  const { response } = exchange;
  const { job } = done;
  const created = Math.floor(port.clock.nowMs() / 1000);
  switch (path) {
    case "/v1/audio/transcriptions":
    case "/v1/audio/translations":
      return sendTranscript(exchange, done);
    case "/v1/images/generations":
    case "/v1/images/edits":
    case "/v1/images/variations":
      return answerJson(response, { created, data: await pictures(port, done, exchange) });
    case "/v1/audio/speech":
      return sendSound(port, job, exchange);
    case "/v1/embeddings":
      return answerJson(response, embeddingsIn(job, done.model));
    default:
      throw new Failure("request/unknown-route", `${path} is not served by jobs`);
  }
}

async function pictures(port: GatewayPort, { job, fields }: Done, { caller }: Exchange): Promise<object[]> {
  const found: object[] = [];
  let bytes = 0;
  for (const index of job.artifacts.keys()) {
    if (job.artifacts[index]?.type?.startsWith("image/") !== true) continue;
    const file = await port.call("GET /jobs/:job/artifacts/:index", { job: job.id, index }, caller);
    try {
      bytes += file.bytes;
      if (bytes > MOST_PICTURE_BYTES)
        throw new Failure("worker/failed", "the pictures are too large to be sent");
      const data = await file.handle.readFile();
      const base64 = data.toString("base64");
      // An address that holds what it stands for: no key is needed to look at it.
      const asUrl = fields["response_format"] === "url";
      found.push(asUrl ? { url: `data:${file.type};base64,${base64}` } : { b64_json: base64 });
    } finally {
      await file.handle.close();
    }
  }
  if (found.length > 0) return found;
  throw new Failure("worker/failed", `job ${job.id} made no picture`);
}

async function sendSound(port: GatewayPort, job: FinishedJob, { caller, response }: Exchange): Promise<void> {
  const index = job.artifacts.findIndex(({ type }) => type?.startsWith("audio/"));
  if (index < 0) throw new Failure("worker/failed", `job ${job.id} made no sound`);
  const file = await port.call("GET /jobs/:job/artifacts/:index", { job: job.id, index }, caller);
  response.writeHead(200, { "content-type": file.type ?? "audio/wav", "content-length": file.bytes });
  // The stream closes the file.
  file.handle
    .createReadStream()
    .on("error", () => response.destroy())
    .pipe(response);
}

/** The vectors that a job gave, as this API has them. @throws Failure worker/failed */
export function embeddingsIn({ output, id }: FinishedJob, model: string): object {
  const held = (output ?? {}) as { readonly embeddings?: Json; readonly embedding?: Json };
  const found = held.embeddings ?? held.embedding ?? output;
  if (!Array.isArray(found)) throw new Failure("worker/failed", `job ${id} gave no embeddings`);
  const list = typeof found[0] === "number" ? [found] : found;
  const data = list.map((embedding, index) => ({ object: "embedding", index, embedding }));
  return { object: "list", model, data, usage: { prompt_tokens: 0, total_tokens: 0 } };
}

function sendTranscript({ response }: Exchange, { job, fields }: Done): void {
  const { text } = readTextOutput(job.output);
  if (fields["response_format"] !== "text") return answerJson(response, { text });
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}
