import { basename } from "node:path";
import type { Readable } from "node:stream";
import type { RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Kit } from "../forward/kit.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import { type Form, readForm } from "../read-form.ts";
import type { ServedModel } from "../request-port.ts";
import { answerByJob } from "./by-job.ts";
import { sidesOf } from "./job-params.ts";

interface Asked {
  readonly served: ServedModel;
  /** The form. */
  readonly body: Readable;
}

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
  const form = await takeForm(kit.port, exchange, body, request.headers["content-type"]);
  const params = paramsOf(form, runtime);
  await answerByJob(kit, path, exchange, { served, fields: form.fields, params });
}

async function takeForm(
  port: GatewayPort,
  { caller }: Exchange,
  body: Readable,
  contentType: string | undefined,
): Promise<Form<string>> {
  return readForm(body, contentType, {
    keep: async ({ name, type, bytes }) =>
      (await port.call("POST /uploads", { file: { name: basename(name), type, bytes } }, caller)).upload,
  });
}

function paramsOf({ fields, files }: Form<string>, { params }: RuntimeView): Record<string, Json> {
  const own = new Map(params.filter(({ load }) => !load).map((param) => [param.name, param.type]));
  const first = [...own].find(([, type]) => type === "file")?.[0] ?? "";
  const brought = files.map(({ field, kept }) => [own.get(field) === "file" ? field : first, kept]);
  const texts = Object.entries(fields).filter(([name]) => own.has(name) && own.get(name) !== "file");
  const { width, height } = sidesOf(fields["size"]);
  return {
    ...Object.fromEntries(texts),
    ...(width !== null && own.has("width") && own.has("height") ? { width, height } : {}),
    ...Object.fromEntries(brought),
  };
}
