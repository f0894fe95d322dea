import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { unreachable } from "../../std/assert.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { messageIn } from "../answer-error.ts";
import { decodeBase64 } from "../artifact-folder.ts";
import { fetchOwnFile } from "../own-file.ts";
import type { OpenaiApi } from "../service.ts";
import { readJson, readWhole, type ServiceConnection } from "../service-connection.ts";
import type { ServiceJob } from "../service-protocol.ts";
import { createTextCollector, readTextStream } from "./openai-stream.ts";

// All of it came out of JSON.parse, so what is passed on is Json.
const AnyJson = z
  .unknown()
  .optional()
  .transform((value) => (value ?? null) as Json);

const Embeddings = z.object({
  data: z.array(z.object({ index: z.number().default(0), embedding: AnyJson })),
  usage: AnyJson,
});

const Images = z.object({
  data: z.array(z.object({ b64_json: z.string().nullish(), url: z.string().nullish() })),
});

const Ranking = z.object({ results: z.array(AnyJson), usage: AnyJson });

/**
 * Reads the answer of an OpenAI-compatible server to the end.
 * @returns the job's output. @throws Failure job/failed, LostTouch
 */
export function readOpenaiAnswer(
  api: OpenaiApi,
  answer: IncomingMessage,
  job: ServiceJob,
  connection: ServiceConnection,
): Promise<Json> {
  switch (api) {
    case "chat":
    case "completions":
      return readText(answer, job);
    case "embeddings":
      return readEmbeddings(answer);
    case "images":
      return readImages(answer, job, connection);
    case "transcriptions":
      return readTranscription(answer, job);
    case "speech":
      return readSpeech(answer, job);
    case "rerank":
      return readRanking(answer);
    default:
      return unreachable(api);
  }
}

/** A stream, or a whole answer from a server that does not stream. */
async function readText(answer: IncomingMessage, { params, onEvent }: ServiceJob): Promise<Json> {
  const maxTokens = params["max_completion_tokens"] ?? params["max_tokens"];
  const collector = createTextCollector(typeof maxTokens === "number" ? maxTokens : null, onEvent);
  if (isOf(answer, "text/event-stream")) return readTextStream(answer, collector);
  collector.take(await readJson(answer));
  return collector.finish();
}

async function readEmbeddings(answer: IncomingMessage): Promise<Json> {
  const { data, usage } = check(Embeddings, await readJson(answer), "embeddings");
  const sorted = data.toSorted((left, right) => left.index - right.index);
  return { embeddings: sorted.map(({ embedding }) => embedding), usage };
}

async function readImages(
  answer: IncomingMessage,
  job: ServiceJob,
  connection: ServiceConnection,
): Promise<Json> {
  const { data } = check(Images, await readJson(answer), "images");
  const images: string[] = [];
  for (const { b64_json: base64, url } of data) {
    if (base64) images.push(await job.folder.save("image", decodeBase64(base64, "b64_json"), null));
    else if (url) {
      const file = await fetchOwnFile(connection, url, job.signal);
      images.push(await job.folder.saveStream(file.name, file.answer, null));
    }
  }
  if (images.length === 0) throw new Failure("job/failed", "the server's answer holds no image");
  return { images };
}

async function readTranscription(answer: IncomingMessage, { onEvent }: ServiceJob): Promise<Json> {
  // response_format text, srt and vtt come as they are.
  const output = isOf(answer, "application/json")
    ? await readJson(answer)
    : { text: (await readWhole(answer)).toString("utf8") };
  const text = typeof output === "object" && output !== null && "text" in output ? output["text"] : null;
  if (typeof text === "string") onEvent({ type: "log", text });
  return output;
}

async function readSpeech(answer: IncomingMessage, { folder }: ServiceJob): Promise<Json> {
  if (!isOf(answer, "application/json")) {
    const type = answer.headers["content-type"]?.split(";")[0] ?? null;
    const isVague = type === null || type === "application/octet-stream" || type === "text/plain";
    return { audio: await folder.saveStream("speech", answer, isVague ? null : type) };
  }
  const message = messageIn((await readWhole(answer)).toString("utf8"));
  throw new Failure("job/failed", `the server answered with text in place of sound: ${message}`);
}

async function readRanking(answer: IncomingMessage): Promise<Json> {
  const { results, usage } = check(Ranking, await readJson(answer), "a ranking");
  return { results, usage };
}

function isOf(answer: IncomingMessage, type: string): boolean {
  return answer.headers["content-type"]?.startsWith(type) === true;
}

function check<Shape>(schema: z.ZodType<Shape>, value: Json, what: string): Shape {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  throw new Failure("job/failed", `the server's answer is not ${what}`, {
    why: messageIn(JSON.stringify(value)),
  });
}
