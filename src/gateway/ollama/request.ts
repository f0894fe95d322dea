import { z } from "zod";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";

/** Time that the model stays; null = for ever; undefined = not said. */
const KeepAlive = z.union([z.number(), z.string()]).transform((given, context): number | null => {
  const text = String(given).trim();
  if (text.startsWith("-")) return null;
  try {
    return parseDurationMs(text);
  } catch {
    context.issues.push({ code: "custom", message: "expected seconds, or a time like 5m", input: given });
    return z.NEVER;
  }
});

const Options = z.looseObject({
  num_predict: z.number().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
});

/** Options that OpenAI-compatible servers take by the same names; others are for Ollama's own engine. */
const SAME_OPTIONS = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "seed",
  "stop",
  "frequency_penalty",
  "presence_penalty",
  "repeat_penalty",
];

const Images = z.array(z.string()).nullish();

const Message = z.object({
  role: z.string(),
  content: z.string().default(""),
  images: Images,
  tool_name: z.string().optional(),
  tool_calls: z
    .array(z.object({ function: z.object({ name: z.string(), arguments: z.unknown() }) }))
    .nullish(),
});

const common = {
  model: z.string(),
  options: Options.nullish(),
  keep_alive: KeepAlive.optional(),
  stream: z.boolean().default(true),
  format: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  think: z.union([z.boolean(), z.string()]).nullish(),
};

/** POST /api/generate */
export const GenerateBody = z.object({
  ...common,
  prompt: z.string().default(""),
  suffix: z.string().optional(),
  system: z.string().optional(),
  raw: z.boolean().default(false),
  images: Images,
});
export type GenerateBody = z.infer<typeof GenerateBody>;

/** POST /api/chat */
export const ChatBody = z.object({
  ...common,
  messages: z.array(Message).default([]),
  tools: z.array(z.unknown()).nullish(),
});
export type ChatBody = z.infer<typeof ChatBody>;

/** POST /api/embed, and /api/embeddings of older clients. */
export const EmbedBody = z.object({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string())]).optional(),
  prompt: z.string().optional(),
  dimensions: z.number().optional(),
  keep_alive: KeepAlive.optional(),
});

/** Reads a body. @throws Failure param/invalid, request/malformed */
export function readBody<Shape>(schema: z.ZodType<Shape>, body: Buffer): Shape {
  let given: unknown;
  try {
    given = JSON.parse(body.toString("utf8"));
  } catch {
    throw new Failure("request/malformed", "the body of the request is not JSON");
  }
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Failure("param/invalid", `${issue?.path.join(".") || "the body"}: ${issue?.message}`);
}

/** A request for a chat, in OpenAI's words. */
export function chatOf(body: ChatBody, model: string): object {
  const calls: string[] = [];
  return {
    model,
    messages: body.messages.map((message) => messageOf(message, calls)),
    ...(body.tools && body.tools.length > 0 ? { tools: body.tools } : {}),
    ...settingsOf(body),
  };
}

/** A request for a text, as a chat of one message. */
export function chatOfPrompt(body: GenerateBody, model: string): object {
  const { system, prompt, images } = body;
  return {
    model,
    messages: [
      ...(system === undefined || system === "" ? [] : [{ role: "system", content: system }]),
      { role: "user", content: contentOf(prompt, images) },
    ],
    ...settingsOf(body),
  };
}

/** A request for a text that goes on as it is. */
export function completionOf(body: GenerateBody, model: string): object {
  const { prompt, suffix } = body;
  return { model, prompt, ...(suffix === undefined ? {} : { suffix }), ...settingsOf(body) };
}

function settingsOf({ options, format, think, stream }: ChatBody | GenerateBody): object {
  const given = options ?? {};
  const same = SAME_OPTIONS.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]);
  const most = options?.num_predict ?? 0;
  return {
    ...Object.fromEntries(same),
    ...(most > 0 ? { max_tokens: most } : {}),
    ...formatOf(format),
    ...(typeof think === "boolean" ? { chat_template_kwargs: { enable_thinking: think } } : {}),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

function formatOf(format: ChatBody["format"]): object {
  if (format === undefined || format === null || format === "") return {};
  if (format === "json") return { response_format: { type: "json_object" } };
  if (typeof format === "string")
    throw new Failure("param/invalid", "format: expected json, or a JSON schema");
  return { response_format: { type: "json_schema", json_schema: { name: "answer", schema: format } } };
}

/** Calls have no ids here: results come in the order of the calls. */
function messageOf(
  { role, content, images, tool_calls: toolCalls }: ChatBody["messages"][number],
  calls: string[],
): object {
  if (role === "tool") return { role, content, tool_call_id: calls.shift() ?? "call_0" };
  const made = (toolCalls ?? []).map(({ function: { name, arguments: given } }, at) => ({
    id: `call_${at}`,
    type: "function",
    function: { name, arguments: typeof given === "string" ? given : JSON.stringify(given ?? {}) },
  }));
  if (made.length > 0) calls.splice(0, calls.length, ...made.map(({ id }) => id));
  return { role, content: contentOf(content, images), ...(made.length === 0 ? {} : { tool_calls: made }) };
}

function contentOf(text: string, images: readonly string[] | null | undefined): unknown {
  if (images === undefined || images === null || images.length === 0) return text;
  const pictures = images.map((data) => ({
    type: "image_url",
    image_url: { url: `data:${pictureType(data)};base64,${data}` },
  }));
  return [...(text === "" ? [] : [{ type: "text", text }]), ...pictures];
}

/** By its first bytes, as base64 has them. */
function pictureType(base64: string): string {
  if (base64.startsWith("/9j/")) return "image/jpeg";
  if (base64.startsWith("R0lGOD")) return "image/gif";
  return base64.startsWith("UklGR") ? "image/webp" : "image/png";
}
