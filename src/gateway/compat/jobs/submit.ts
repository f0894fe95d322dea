import { Readable } from "node:stream";
import type { JobOptions } from "../../../operations/api.ts";
import type { Caller } from "../../../protocol/operation.ts";
import type { RuntimeView } from "../../../protocol/views.ts";
import { Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import { extensionOf } from "../../../std/mime-type.ts";
import type { Exchange } from "../../port.ts";
import { answerJson } from "../answer.ts";
import { isObject, parseObject } from "../parse-object.ts";
import { parametersOf, paramsFor, REMOTE_RUNTIME } from "./app-runtime.ts";
import { convertParams } from "./convert-params.ts";
import { type JobsDesk, refuse, runtimesNow } from "./desk.ts";
import { APP_LABEL, clientIdOf, ID_LABEL, newIdHead } from "./job-id.ts";
import type { App } from "./registry.ts";

type Values = Readonly<Record<string, Json>>;

/** `POST /submit`: queues a job of an app, and answers at once. */
export async function submit(desk: JobsDesk, exchange: Exchange): Promise<void> {
  const { request, response, caller, signal } = exchange;
  const body = parseObject(await desk.bodies.read(request, signal));
  const params = body?.["params"] ?? {};
  if (body === null || !isObject(params)) return refuse(exchange, 400, "Invalid JSON");
  const runtimes = await runtimesNow(desk, caller);
  const id = body["app_id"];
  const app = typeof id === "string" ? runtimes.find(id) : null;
  if (app === null) return refuse(exchange, 400, "Unknown App ID");
  const order: Order = { desk, caller, app, head: newIdHead() };
  const job =
    app.type === "modal"
      ? await submitRemote(order, params)
      : await submitLocal(order, params, runtimes.of(app));
  answerJson(response, 200, { job_id: clientIdOf(job), status: "queued" });
}

interface Order {
  readonly desk: JobsDesk;
  readonly caller: Caller;
  readonly app: App;
  readonly head: string;
}

type Submitted = { readonly id: number; readonly labels: Readonly<Record<string, string>> };

async function submitLocal(
  order: Order,
  given: Values,
  { runtime, load }: { readonly runtime: RuntimeView; readonly load: Values },
): Promise<Submitted> {
  const { desk, caller, app } = order;
  const converted = convertParams(parametersOf(app, runtime), given);
  if (!converted.ok) return submitRefused(order, converted.error);
  const named = paramsFor(app, runtime, converted.values);
  const params = await withFiles(order, runtime, named);
  const { vramGb } = app;
  // In whole MiB, as leases are written.
  const vramBytes = vramGb === null || vramGb === 0 ? null : Math.ceil(vramGb * 1024) * 2 ** 20;
  const ownVram = vramBytes !== null && runtime.gpu.count > 0 && vramBytes !== runtime.gpu.vramBytes;
  const options = { ...optionsOf(order), ...(ownVram ? { vramBytes } : {}) };
  try {
    const input = { runtime: runtime.name, params: { ...params, ...load }, options };
    return await desk.port.call("POST /jobs", input, caller);
  } catch (error) {
    // What the app itself would have found wrong is the job's failure, not that of the submission.
    if (error instanceof Failure && /^(param|file)\//.test(error.code))
      return submitRefused(order, error.sentence);
    throw error;
  }
}

/** The job is on record, and fails with what is wrong with it. */
function submitRefused({ desk, caller, app, head }: Order, problem: string): Promise<Submitted> {
  const options = { labels: labelsOf(app, head), label: app.id };
  const params = { problem: problem.slice(0, 2000), app: app.id };
  return desk.port.call("POST /jobs", { runtime: REMOTE_RUNTIME, params, options }, caller);
}

/** Longer parameters of a remote app go into a file. */
const MOST_INLINE_BYTES = 512 * 1024;

async function submitRemote(order: Order, given: Values): Promise<Submitted> {
  const { desk, caller, app, head } = order;
  const body = JSON.stringify(given);
  const isLong = Buffer.byteLength(body) > MOST_INLINE_BYTES;
  const params = {
    app: app.id,
    endpoint: app.endpoint,
    id: head,
    timeout: app.timeoutSeconds ?? 300,
    ...(isLong ? { bodyFile: await kept(order, Buffer.from(body), ".json") } : { body }),
  };
  const input = { runtime: REMOTE_RUNTIME, params, options: optionsOf(order) };
  // The address is the admin's: that is why it may be named here.
  return desk.port.call("POST /jobs", input, withoutKey(caller, REMOTE_RUNTIME));
}

function optionsOf({ app, head }: Order): JobOptions {
  return {
    priority: app.priority,
    labels: labelsOf(app, head),
    label: app.id,
    ...(app.timeoutSeconds === null ? {} : { timeLimitMs: Math.round(app.timeoutSeconds * 1000) }),
  };
}

function labelsOf(app: App, head: string): Record<string, string> {
  return { [APP_LABEL]: app.id, [ID_LABEL]: head };
}

/**
 * The caller as its user, once its key has been asked.
 * @throws Failure permission/denied, quota/refused
 */
function withoutKey(caller: Caller, runtime: string): Caller {
  const { key, ...user } = caller;
  if (key === undefined) return caller;
  if (key.runtimes !== null && !key.runtimes.includes(runtime))
    throw new Failure("permission/denied", `key ${key.id} is not for the runtime ${runtime}`, {
      hint: "orch keys add --runtime",
    });
  key.charge(1);
  return user;
}

/** Params that the runtime takes as files: what was sent is their content, as base64 or a data URI. */
async function withFiles(
  order: Order,
  { params: declared }: RuntimeView,
  given: Values,
): Promise<Record<string, Json>> {
  const params: Record<string, Json> = { ...given };
  for (const { name, type, accept } of declared) {
    const value = params[name];
    if (type !== "file" || typeof value !== "string") continue;
    const [, mime, encoded] = /^data:([\w.+/-]*)[^,]*;base64,(.*)$/s.exec(value) ?? [];
    const content = Buffer.from(encoded ?? value, "base64");
    if (encoded === undefined && !/^[A-Za-z0-9+/=\s]{64,}$/.test(value)) continue;
    const extension =
      extensionOf(mime ?? "") ?? accept.find((each) => each.startsWith(".")) ?? extensionOf(accept[0] ?? "");
    params[name] = await kept(order, content, extension ?? "");
  }
  return params;
}

/** Keeps what the caller sent as a file of its own, which programs of its jobs may read; gives what a param names it by. */
async function kept({ desk, caller }: Order, content: Buffer, extension: string): Promise<string> {
  const file = { name: `value${extension}`, type: null, bytes: Readable.from([content]) };
  const { id } = await desk.port.inputFiles.put(caller.uid, file);
  return `upload:${id}`;
}
