import { z } from "zod";
import { parseDurationMs } from "../std/duration.ts";
import type { Json } from "../std/json.ts";
import { isJsonPointer } from "../std/json-pointer.ts";
import { ParamValue } from "./param-value.ts";

const Text = z.string().max(4096);
const RequestPath = Text.regex(/^\/[!-~]*$/, "must be a path like /health");
const Texts = z.record(
  z.string().min(1).max(256),
  z.union([Text, z.number(), z.boolean()]).transform(String),
);
const Pointer = Text.refine(isJsonPointer, "must be a JSON pointer like /images or /data/0/text");

/** Reading often costs the server; a day is surely a mistake. */
const MIN_EVERY_MS = 50;
const MAX_EVERY_MS = 3_600_000;

const Every = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    const everyMs = parseDurationMs(String(value));
    if (everyMs >= MIN_EVERY_MS && everyMs <= MAX_EVERY_MS) return everyMs;
  } catch {
    // Said below.
  }
  context.issues.push({ code: "custom", message: "must be a time from 50ms to 1h, like 1s", input: value });
  return z.NEVER;
});

const RequestShape = z.strictObject({
  method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("POST"),
  path: RequestPath,
  headers: Texts.default({}),
  query: Texts.default({}),
  // It came out of YAML, which knows the same values as JSON.
  body: z
    .unknown()
    .transform((body) => body as Json | undefined)
    .optional(),
  form: Texts.optional(),
});

const ArtifactShape = z.strictObject({
  at: Pointer.default(""),
  encoding: z.enum(["base64", "dataUrl", "url", "none"]).default("base64"),
  name: Text.regex(/^[\w-][\w.-]*$/, "must be a file name of letters, digits, '.', '_' and '-'").optional(),
  type: Text.regex(/^[\w.+-]+\/[\w.+-]+$/, "must be a MIME type like image/png").optional(),
});

const ResponseShape = z.strictObject({
  body: z.enum(["json", "binary", "text"]).default("json"),
  output: Pointer.optional(),
  text: Pointer.optional(),
  artifacts: z.array(ArtifactShape).max(32).default([]),
});

const ProgressShape = z.strictObject({
  path: RequestPath,
  every: Every.default(1_000),
  fraction: Pointer.optional(),
  text: Pointer.optional(),
});

const Statuses = z.array(z.union([Text, z.number(), z.boolean()]).transform(String)).max(32);

const PollShape = z.strictObject({
  path: RequestPath.optional(),
  id: Pointer.default("/id"),
  url: Pointer.optional(),
  every: Every.default(1_000),
  status: Pointer.default("/status"),
  done: Statuses.min(1),
  failed: Statuses.default([]),
  error: Pointer.optional(),
  fraction: Pointer.optional(),
  text: Pointer.optional(),
  result: RequestPath.optional(),
});

const CancelShape = z.strictObject({
  method: z.enum(["GET", "POST", "PUT", "DELETE"]).default("POST"),
  path: RequestPath,
});

/** How a server is reached that was not written for orch (protocols openai, cog, http). */
export const ServerShape = z.strictObject({
  port: z.number().int().min(1).max(65_535).optional(),
  ready: RequestPath.optional(),
  key: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]{0,63}$/, "must be the name of a secret of this runtime, like VLLM_API_KEY")
    .optional(),
  public: z.boolean().default(false),
  model: Text.min(1).optional(),
  api: z
    .enum(["chat", "completions", "embeddings", "images", "transcriptions", "speech", "rerank"])
    .optional(),
  warmUp: z.record(z.string(), ParamValue).optional(),
  request: RequestShape.optional(),
  response: ResponseShape.prefault({}),
  poll: PollShape.optional(),
  progress: ProgressShape.optional(),
  cancel: CancelShape.optional(),
});
export type ServerFields = z.infer<typeof ServerShape>;

/** A server that was not written for orch (protocols `openai`, `cog`, `http`). */
export interface Server {
  /** Where it listens; null = where orch tells it to, as {port} in its command and PORT in its environment. */
  readonly port: number | null;
  /** Path that answers 200 once jobs can be served; null = the protocol's own. */
  readonly readyPath: string | null;
  /** The secret of its runtime that requests to it carry as a bearer token; null = none. */
  readonly keySecret: string | null;
  /** Whether other hosts may reach it past the gateway; else a server that lets them in is not taken for ready. */
  readonly isPublic: boolean;
  /** The name by which it knows its model; null = the one it lists first. */
  readonly model: string | null;
  /** Which endpoint of an OpenAI-compatible server jobs use. */
  readonly api: NonNullable<ServerFields["api"]>;
  /** Params of a job that is run before it counts as ready; null = the protocol's own, or none. */
  readonly warmUp: Readonly<Record<string, Json>> | null;
  /** How a job becomes a request; null but for protocol `http`. */
  readonly template: ServerTemplate | null;
}

/** A job as a request, and the answer as its result. */
export type ServerTemplate = ReturnType<typeof makeTemplate>;

/** The server as the file says it, with its defaults. */
export function makeServer(fields: ServerFields | undefined): Server {
  return {
    port: fields?.port ?? null,
    readyPath: fields?.ready ?? null,
    keySecret: fields?.key ?? null,
    isPublic: fields?.public ?? false,
    model: fields?.model ?? null,
    api: fields?.api ?? "chat",
    warmUp: fields?.warmUp ?? null,
    template: fields?.request === undefined ? null : makeTemplate(fields, fields.request),
  };
}

function makePoll({ every, path, url, error, fraction, text, result, ...rest }: z.infer<typeof PollShape>) {
  const places = { path: path ?? null, url: url ?? null, error: error ?? null };
  return {
    ...rest,
    ...places,
    everyMs: every,
    ...{ fraction: fraction ?? null, text: text ?? null, result: result ?? null },
  };
}

function makeTemplate(
  { response, poll, progress, cancel }: ServerFields,
  request: z.infer<typeof RequestShape>,
) {
  const rules = response.artifacts.map(({ at, encoding, name, type }) => ({
    at,
    encoding,
    name: name ?? null,
    type: type ?? null,
  }));
  return {
    request: { ...request, body: request.body ?? null, form: request.form ?? null },
    response: {
      body: response.body,
      output: response.output ?? null,
      text: response.text ?? null,
      artifacts: rules,
    },
    progress:
      progress === undefined
        ? null
        : {
            path: progress.path,
            everyMs: progress.every,
            fraction: progress.fraction ?? null,
            text: progress.text ?? null,
          },
    poll: poll === undefined ? null : makePoll(poll),
    cancel: cancel ?? null,
  };
}

/** The keys allowed at a path that begins with `server`; empty where every key is. */
export function serverKeysAt(path: readonly (string | number)[]): readonly string[] {
  const [, second, third] = path;
  if (path.length === 1) return Object.keys(ServerShape.shape);
  if (path.length === 2 && second === "request") return Object.keys(RequestShape.shape);
  if (path.length === 2 && second === "response") return Object.keys(ResponseShape.shape);
  if (path.length === 4 && second === "response" && third === "artifacts")
    return Object.keys(ArtifactShape.shape);
  if (path.length === 2 && second === "poll") return Object.keys(PollShape.shape);
  if (path.length === 2 && second === "progress") return Object.keys(ProgressShape.shape);
  if (path.length === 2 && second === "cancel") return Object.keys(CancelShape.shape);
  return [];
}
