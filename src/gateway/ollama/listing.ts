import { createHash } from "node:crypto";
import type { Caller } from "../../protocol/operation.ts";
import { Failure } from "../../std/failure.ts";
import { answerJson } from "../forward/answer-json.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import type { ServedModel } from "../request-port.ts";

/** When a runtime was changed is not told. */
const MODIFIED_AT = "2000-01-01T00:00:00Z";
/** Stands for "for ever". */
const NEVER = "9999-12-31T23:59:59Z";

/** What clients call this version of the API: they ask for a least one. */
export const VERSION = "0.9.0";

/** A model by its name; Ollama's clients add ":latest". @throws Failure runtime/unknown, permission/denied */
export function findModel(port: GatewayPort, name: string, caller: Caller): ServedModel {
  try {
    return port.requests.model(name, caller);
  } catch (error) {
    const isTagged = name.endsWith(":latest") && error instanceof Failure && error.code === "runtime/unknown";
    if (isTagged) return port.requests.model(name.slice(0, -":latest".length), caller);
    throw error;
  }
}

/** GET /api/tags: all that the caller may name. */
export async function listTags(port: GatewayPort, { caller, response }: Exchange): Promise<void> {
  answerJson(response, { models: port.requests.models(caller).map(viewTag) });
}

function viewTag(model: ServedModel): object {
  const { name } = model;
  const digest = createHash("sha256").update(name).digest("hex");
  return { name, model: name, modified_at: MODIFIED_AT, size: 0, digest, details: detailsOf(model) };
}

function detailsOf({ protocol, runtime }: ServedModel): object {
  return {
    parent_model: "",
    format: protocol,
    family: runtime,
    families: [runtime],
    parameter_size: "",
    quantization_level: "",
  };
}

/** POST /api/show */
export async function showModel(
  port: GatewayPort,
  name: string,
  { caller, response }: Exchange,
): Promise<void> {
  const model = findModel(port, name, caller);
  const capabilities = model.api === "embeddings" ? ["embedding"] : ["completion", "tools"];
  answerJson(response, {
    modelfile: "",
    parameters: "",
    template: "",
    license: "",
    modified_at: MODIFIED_AT,
    details: detailsOf(model),
    model_info: { "general.architecture": model.runtime, "general.basename": model.name },
    capabilities,
  });
}

/** GET /api/ps: what is loaded, with what it holds of the GPUs and how long it stays. */
export async function listLoaded(port: GatewayPort, { caller, response, signal }: Exchange): Promise<void> {
  const models = new Map(port.requests.models(caller).map((model) => [model.name, model]));
  const { workers } = await port.call("GET /workers", {}, caller, signal);
  const { gpus } = await port.call("GET /gpus", {}, caller, signal);
  const held = new Map<string, number>();
  for (const { leases, memory } of gpus)
    for (const { worker, usedBytes, vramBytes } of leases)
      held.set(worker, (held.get(worker) ?? 0) + (usedBytes || (vramBytes ?? memory.totalBytes)));
  const loaded = workers.flatMap(({ name, runtime, readyAt, keptUntil }) => {
    const model = models.get(runtime);
    if (model === undefined || readyAt === null) return [];
    const bytes = held.get(name) ?? 0;
    return [{ ...viewTag(model), size: bytes, size_vram: bytes, expires_at: keptUntil ?? NEVER }];
  });
  answerJson(response, { models: loaded });
}
