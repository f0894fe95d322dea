import { randomUUID } from "node:crypto";
import type { Json } from "../../../std/json.ts";
import type { WorkerRequest } from "../../forward/send.ts";
import { isObject } from "../parse-object.ts";
import { dataUri } from "./media.ts";
import type { Prepared } from "./prepare.ts";

/** The request that a server of protocol `openai` gets. @param model as the server knows it; null = whichever */
export function requestFor(
  prepared: Prepared,
  model: string | null,
  headers: WorkerRequest["headers"],
): WorkerRequest {
  const { kind } = prepared.kind;
  if (kind === "transcription") return transcription(prepared, model, headers);
  const body = {
    ...(model === null ? {} : { model }),
    ...(kind === "chat" ? chatBody(prepared) : embeddingBody(prepared)),
  };
  return {
    method: "POST",
    path: kind === "chat" ? "/v1/chat/completions" : "/v1/embeddings",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

function chatBody({ kind, input, images, history, maxTokens }: Prepared): object {
  const pictures = images.map((image) => ({ type: "image_url", image_url: { url: dataUri(image) } }));
  const content = pictures.length === 0 ? input : [...pictures, { type: "text", text: input }];
  return {
    messages: [...history, { role: "user", content }],
    ...kind.sampling,
    // An answer as long as the whole context is one without a limit; servers refuse to be asked for it.
    ...(maxTokens >= kind.contextTokens ? {} : { max_tokens: maxTokens }),
    stream: false,
  };
}

function embeddingBody({ texts, order }: Prepared): object {
  const { instruction } = order.given;
  const isInstructed = typeof instruction === "string" && instruction !== "";
  return {
    input: texts.map((text) => (isInstructed ? `Instruct: ${instruction}\nQuery:${text}` : text)),
    encoding_format: "float",
  };
}

function transcription(
  { order, sound }: Prepared,
  model: string | null,
  headers: WorkerRequest["headers"],
): WorkerRequest {
  const { task, language, return_timestamps: timestamps } = order.given;
  const boundary = `orch-${randomUUID()}`;
  const field = (name: string, value: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const fields = [
    field("model", model ?? "whisper"),
    field("response_format", timestamps === false ? "json" : "verbose_json"),
    ...(typeof language === "string" && /^[A-Za-z-]{2,20}$/.test(language)
      ? [field("language", language)]
      : []),
  ];
  const extension = (sound?.type.split("/")[1] ?? "wav").replace("mpeg", "mp3").replace("mp4", "m4a");
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="audio.${extension}"\r\ncontent-type: ${sound?.type}\r\n\r\n`;
  const body = [fields.join("") + head, sound?.bytes ?? "", `\r\n--${boundary}--\r\n`].map((part) =>
    Buffer.from(part),
  );
  return {
    method: "POST",
    path: task === "translate" ? "/v1/audio/translations" : "/v1/audio/transcriptions",
    headers: { ...headers, "content-type": `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat(body),
  };
}

/** The model's own fields, of what a server of protocol `openai` answered. @throws Error: the answer is none of this kind */
export function fieldsOf(prepared: Prepared, answer: Json, seconds: number): Record<string, Json> {
  if (!isObject(answer)) throw new Error("the answer is no JSON object");
  if (prepared.kind.kind === "transcription") return transcriptFields(answer, seconds);
  if (prepared.kind.kind === "embedding") return embeddingFields(prepared, answer, seconds);
  const [choice] = listIn(answer["choices"]);
  const message = isObject(choice) ? choice["message"] : undefined;
  const content = isObject(message) ? message["content"] : undefined;
  if (typeof content !== "string") throw new Error("the answer has no text");
  return { response: content };
}

function transcriptFields(answer: { readonly [key: string]: Json }, seconds: number): Record<string, Json> {
  const text = typeof answer["text"] === "string" ? answer["text"].trim() : "";
  const chunks = listIn(answer["segments"]).flatMap((segment) =>
    isObject(segment)
      ? [{ text: segment["text"] ?? "", timestamp: [segment["start"] ?? null, segment["end"] ?? null] }]
      : [],
  );
  // Servers of this kind hear no emotions: a handler of protocol orch may.
  const rest = { emotion: answer["emotion"] ?? null, emotion_scores: answer["emotion_scores"] ?? [] };
  const metrics = { asr_seconds: Math.round(seconds * 100) / 100, emotion_seconds: 0 };
  return { transcript: text, response: text, chunks, ...rest, metrics };
}

function embeddingFields(
  { order, hasManyTexts }: Prepared,
  answer: { readonly [key: string]: Json },
  seconds: number,
): Record<string, Json> {
  const asked = Number(order.given["embedding_dim"]);
  const vectors = listIn(answer["data"]).map((item) => {
    const vector = isObject(item) ? (listIn(item["embedding"]) as number[]) : [];
    return unit(Number.isInteger(asked) && asked >= 1 ? vector.slice(0, asked) : vector);
  });
  const [first] = vectors;
  if (first === undefined || first.length === 0) throw new Error("the answer has no vectors");
  const metrics = { embedding_seconds: Math.round(seconds * 1000) / 1000 };
  const dim = first.length;
  return hasManyTexts
    ? { embeddings: vectors, embedding_dim: dim, count: vectors.length, metrics }
    : { embedding: first, embedding_dim: dim, metrics };
}

/** The vector with length 1. */
function unit(vector: readonly number[]): number[] {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? [...vector] : vector.map((value) => value / length);
}

function listIn(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
