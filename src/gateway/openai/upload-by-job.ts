import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy } from "@fastify/busboy";
import type { RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Kit } from "../forward/kit.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import type { ServedModel } from "../request-port.ts";
import { answerByJob } from "./by-job.ts";
import { sidesOf } from "./job-params.ts";

interface Asked {
  readonly served: ServedModel;
  /** The form. */
  readonly body: Readable;
}

const LIMITS = { fields: 100, fieldSize: 1024 * 1024, files: 16 };

/**
 * Serves a form that brings files along by a job, for runtimes that are no servers of this API: files go into the params of type file
 * that are called as their fields, or into the first one; texts into the params of their names.
 * @throws Failure of many kinds
 */
export async function serveUploadByJob(
  kit: Kit,
  path: string,
  exchange: Exchange,
  asked: Asked,
): Promise<void> {
  const { caller, request, signal } = exchange;
  const { served, body } = asked;
  const runtime = await kit.port.call("GET /runtimes/:runtime", { runtime: served.runtime }, caller, signal);
  const files = runtime.params.filter(({ type, load }) => type === "file" && !load);
  if (files.length === 0)
    throw new Failure("runtime/invalid", `${served.name} does not serve ${path}`, {
      why: "none of its params is a file",
    });
  const form = await takeForm(kit.port, exchange, body, request.headers["content-type"] ?? "");
  const params = paramsOf(form, runtime);
  await answerByJob(kit, path, exchange, { served, fields: form.fields, params });
}

interface Form {
  readonly fields: Readonly<Record<string, Json>>;
  /** By their fields: what a param takes. */
  readonly files: Readonly<Record<string, string>>;
}

async function takeForm(
  port: GatewayPort,
  { caller }: Exchange,
  body: Readable,
  contentType: string,
): Promise<Form> {
  const form = new Busboy({ headers: { "content-type": contentType }, limits: LIMITS });
  const fields: Record<string, Json> = {};
  const kept: Promise<readonly [string, string]>[] = [];
  form.on("field", (name, value) => {
    fields[name] = value;
  });
  form.on("file", (field, stream, name, _encoding, type) => {
    stream.on("error", () => {});
    const file = { name, type, bytes: stream as AsyncIterable<Buffer> };
    const one = port.call("POST /uploads", { file }, caller).then(({ upload }) => [field, upload] as const);
    // What is not taken must not keep the rest of the form waiting.
    one.catch(() => stream.resume());
    kept.push(one);
  });
  await pipeline(body, form).catch(async (error: unknown) => {
    await Promise.allSettled(kept);
    if (error instanceof Failure) throw error;
    throw new Failure("request/malformed", "the body of the request is not a valid form", { cause: error });
  });
  return { fields, files: Object.fromEntries(await Promise.all(kept)) };
}

function paramsOf({ fields, files }: Form, { params }: RuntimeView): Record<string, Json> {
  const own = new Map(params.filter(({ load }) => !load).map((param) => [param.name, param.type]));
  const first = [...own].find(([, type]) => type === "file")?.[0] ?? "";
  const brought = Object.entries(files).map(([field, upload]) => [
    own.get(field) === "file" ? field : first,
    upload,
  ]);
  const texts = Object.entries(fields).filter(([name]) => own.has(name) && own.get(name) !== "file");
  const { width, height } = sidesOf(fields["size"]);
  return {
    ...Object.fromEntries(texts),
    ...(width !== null && own.has("width") && own.has("height") ? { width, height } : {}),
    ...Object.fromEntries(brought),
  };
}
