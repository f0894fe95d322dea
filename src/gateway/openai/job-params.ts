import type { RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";

type Fields = Readonly<Record<string, Json>>;

/** What a request is about, and under which name a runtime may want it: the first of these that it declares. */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  "/v1/chat/completions": ["messages", "prompt", "text", "input"],
  "/v1/completions": ["prompt", "text", "input"],
  "/v1/images/generations": ["prompt", "text"],
  "/v1/audio/speech": ["text", "input", "prompt"],
  "/v1/embeddings": ["input", "text"],
};

/** How many pictures. */
const COUNTS = ["n", "num_outputs", "num_images", "count"];

/** How long a text may become, and what is said of it: a limit above that of the param is that. */
const LIMIT_FIELDS = ["max_completion_tokens", "max_tokens"];
const LIMITS = ["max_tokens", "max_completion_tokens", "max_new_tokens", "length"];

/** Fields that say how the answer is to look, which is made here. */
const OURS = new Set(["model", "stream", "stream_options", "response_format", "messages", "input", "prompt"]);

/**
 * The params of a job for a request in OpenAI's words: what it is about, `size` as `width` and `height`, `n`, `system`, and every other
 * field under its own name where the runtime has a param of that name. Files cannot be named.
 * @throws Failure runtime/invalid when the runtime has no param for what it is about; param/invalid
 */
export function jobParamsOf(path: string, fields: Fields, { name, params }: RuntimeView): Fields {
  const taken = new Set(
    params.filter(({ type, load }) => type !== "file" && !load).map((param) => param.name),
  );
  // A text cannot hold a conversation.
  if (params.some((param) => param.name === "messages" && param.type !== "json")) taken.delete("messages");
  const subject = SUBJECTS[path]?.find((each) => taken.has(each));
  if (subject === undefined)
    throw new Failure("runtime/invalid", `${name} does not serve ${path}`, {
      why: `none of its params is ${SUBJECTS[path]?.join(" or ") ?? "for that"}`,
    });
  const same = Object.entries(fields).filter(
    ([field, value]) => value != null && taken.has(field) && !OURS.has(field),
  );
  const { width, height } = sidesOf(fields["size"]);
  const system = systemIn(fields["messages"]);
  const count = COUNTS.find((each) => taken.has(each));
  return {
    ...Object.fromEntries(same),
    ...(width !== null && taken.has("width") && taken.has("height") ? { width, height } : {}),
    ...(fields["n"] !== undefined && count !== undefined ? { [count]: fields["n"] } : {}),
    ...(system !== null && taken.has("system") ? { system } : {}),
    ...limitOf(path, fields, params),
    [subject]: subject === "messages" ? (fields["messages"] ?? null) : subjectIn(path, fields),
  };
}

function limitOf(path: string, fields: Fields, params: RuntimeView["params"]): Fields {
  const given = LIMIT_FIELDS.map((name) => fields[name]).find((value) => typeof value === "number");
  const numbers = params.filter(({ type, load }) => (type === "integer" || type === "number") && !load);
  const param = LIMITS.map((name) => numbers.find((each) => each.name === name)).find(Boolean);
  if (typeof given !== "number" || param === undefined || !path.endsWith("/completions")) return {};
  return { [param.name]: Math.min(given, param.max ?? given) };
}

function subjectIn(path: string, fields: Fields): Json {
  if (path === "/v1/chat/completions") return lastQuestion(fields["messages"]);
  const given = path === "/v1/audio/speech" || path === "/v1/embeddings" ? fields["input"] : fields["prompt"];
  if (given !== undefined && given !== "") return given;
  throw new Failure("param/missing", "the request has nothing that it is about", {
    hint: "set prompt, or input",
  });
}

/** The sides of "1024x768". @throws Failure param/invalid */
export function sidesOf(size: Json | undefined): { width: number | null; height: number | null } {
  if (size === undefined || size === "auto") return { width: null, height: null };
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(String(size));
  if (match !== null) return { width: Number(match[1]), height: Number(match[2]) };
  throw new Failure("param/invalid", "size: expected a width and a height, like 1024x768");
}

interface Message {
  readonly role?: Json;
  readonly content?: Json;
}

function messagesIn(messages: Json | undefined): Message[] {
  return Array.isArray(messages) ? messages.map((each) => (each ?? {}) as Message) : [];
}

function systemIn(messages: Json | undefined): string | null {
  const found = messagesIn(messages).filter(({ role }) => role === "system" || role === "developer");
  return found.length === 0 ? null : found.map(({ content }) => textOf(content)).join("\n");
}

function lastQuestion(messages: Json | undefined): string {
  const text = textOf(messagesIn(messages).findLast(({ role }) => role === "user")?.content);
  if (text !== "") return text;
  throw new Failure("param/missing", "the request has no message of a user");
}

function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const parts = content as readonly { readonly type?: string; readonly text?: string }[];
  return parts.map(({ type, text }) => (type === "text" ? (text ?? "") : "")).join("\n");
}
