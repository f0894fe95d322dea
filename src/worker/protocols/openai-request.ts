import { readFileSync, statSync } from "node:fs";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { mimeTypeOf } from "../../std/mime-type.ts";
import type { JobHandover } from "../protocol.ts";
import {
  type Document,
  EmbeddedFile,
  type FormValue,
  formBody,
  jsonBody,
  type RequestBody,
} from "../request-body.ts";
import type { OpenaiApi, ServiceSpec } from "../service.ts";

/** Where each kind of request goes. */
export const OPENAI_PATHS: Readonly<Record<OpenaiApi, string>> = {
  chat: "/v1/chat/completions",
  completions: "/v1/completions",
  embeddings: "/v1/embeddings",
  images: "/v1/images/generations",
  transcriptions: "/v1/audio/transcriptions",
  speech: "/v1/audio/speech",
  rerank: "/v1/rerank",
};

/** Params that are text; where a runtime declares one of them as a file, its content is meant. */
const TEXTS: ReadonlySet<string> = new Set(["prompt", "system", "messages", "input", "query", "documents"]);

/** What the API takes as lists or maps: where such a param is declared as text, JSON text stands for one. */
const STRUCTURED: ReadonlySet<string> = new Set([
  "messages",
  "input",
  "documents",
  "tools",
  "tool_choice",
  "response_format",
  "stop",
  "logit_bias",
  "stream_options",
  "chat_template_kwargs",
  "timestamp_granularities",
]);

const MAX_TEXT_BYTES = 16 * 1024 * 1024;

type Fields = Readonly<Record<string, Document>>;

/**
 * The body of a request for a job's params, which go under their own names. Those the server was started with are
 * left out.
 * @param model null = the server has no list of models and is asked without a name
 * @throws Failure param/invalid, file/missing, file/unreadable
 */
export function openaiBody(
  { api, fileParams, loadParams }: Pick<ServiceSpec, "api" | "fileParams" | "loadParams">,
  model: string | null,
  params: JobHandover["params"],
): RequestBody {
  const own = Object.entries(params).filter(([name]) => !loadParams.includes(name));
  const files = own.filter(
    ([name]) => fileParams.includes(name) && (api === "transcriptions" || !TEXTS.has(name)),
  );
  const plain = own.filter((entry) => !files.includes(entry));
  const given = Object.fromEntries(plain.map(([name, value]) => [name, jsonOf(name, value, fileParams)]));
  const fields = { ...(model === null ? {} : { model }), ...given };
  if (api === "transcriptions") return transcriptionBody(fields, files);
  if (api === "chat") return jsonBody(streamed(chatFields(fields, files)));
  const [stray] = files;
  if (stray !== undefined) throw notTaken(stray[0], `${OPENAI_PATHS[api]} takes no files`);
  if (api === "completions") return jsonBody(streamed(fields));
  // A picture in the answer, not a link to it.
  return jsonBody(api === "images" ? { response_format: "b64_json", ...fields } : fields);
}

function jsonOf(name: string, value: Json, fileParams: readonly string[]): Json {
  const text = fileParams.includes(name) ? readText(name, value) : value;
  if (!STRUCTURED.has(name) || typeof text !== "string" || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    // "[hello" is a text like any other where the API takes texts.
    if (TEXTS.has(name) && name !== "messages") return text;
    throw new Failure("param/invalid", `param "${name}" is not JSON`, {
      why: "it begins like a list or a map",
    });
  }
}

function readText(name: string, path: Json): string {
  const file = localPath(name, path);
  try {
    if (statSync(file).size <= MAX_TEXT_BYTES) return readFileSync(file, "utf8");
  } catch (error) {
    throw new Failure("file/unreadable", `param "${name}": cannot read ${file}`, { cause: error });
  }
  throw new Failure("param/invalid", `param "${name}": ${file} is longer than 16 MiB`);
}

function streamed(fields: Fields): Fields {
  if (fields["stream"] === false) return fields;
  return { stream: true, stream_options: { include_usage: true }, ...fields };
}

/** `system`, `messages` and `prompt` make one conversation; pictures and sounds go with the prompt. */
function chatFields(fields: Fields, files: readonly (readonly [string, Json])[]): Fields {
  const { system, prompt, messages, ...rest } = fields;
  if (messages !== undefined && !isList(messages))
    throw notTaken("messages", "it must be a JSON list of messages");
  const media = files.map(([name, value]) => mediaPart(name, value));
  const text: Document[] = prompt === undefined ? [] : [{ type: "text", text: prompt }];
  const content = media.length === 0 ? prompt : [...text, ...media];
  return {
    ...rest,
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      ...(messages ?? []),
      ...(content === undefined ? [] : [{ role: "user", content }]),
    ],
  };
}

function mediaPart(name: string, value: Json): Document {
  const file = String(value);
  const type = mimeTypeOf(file) ?? "";
  const isOnTheWeb = /^https?:/i.test(file);
  if (type.startsWith("image/") || isOnTheWeb) {
    return { type: "image_url", image_url: { url: isOnTheWeb ? file : new EmbeddedFile(file, "dataUrl") } };
  }
  if (!type.startsWith("audio/")) throw notTaken(name, `${file} is neither a picture nor a sound`);
  const format = type === "audio/mpeg" ? "mp3" : type.slice("audio/".length);
  return { type: "input_audio", input_audio: { data: new EmbeddedFile(file, "base64"), format } };
}

function transcriptionBody(fields: Fields, files: readonly (readonly [string, Json])[]): RequestBody {
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw new Failure("param/invalid", "a transcription needs one param of type file");
  }
  const form: Record<string, FormValue> = { file: { path: localPath(...file) } };
  for (const [name, value] of Object.entries(fields)) {
    form[name] = { text: typeof value === "string" ? value : JSON.stringify(value) };
  }
  return formBody(form);
}

function localPath(name: string, value: Json): string {
  const path = String(value);
  if (/^https?:/i.test(path)) throw notTaken(name, "this server takes local files, not web addresses");
  return path;
}

function notTaken(name: string, why: string): Failure {
  return new Failure("param/invalid", `param "${name}" cannot be sent`, { why });
}

function isList(value: Document): value is readonly Document[] {
  return Array.isArray(value);
}
