import { z } from "zod";
import type { Json } from "../../std/json.ts";
import type { Health, WorkerProtocol } from "../protocol.ts";
import type { OpenaiApi, ServiceSpec } from "../service.ts";
import {
  createServiceConnection,
  isSuccess,
  probe,
  refusalOf,
  type ServiceConnection,
  sendJob,
} from "../service-connection.ts";
import { isGood, probeReadyPath, ready, starting, unready } from "../service-health.ts";
import { createServiceProtocol, type ServiceJob } from "../service-protocol.ts";
import { createWarmUp } from "../warm-up.ts";
import { readOpenaiAnswer } from "./openai-answer.ts";
import { OPENAI_PATHS, openaiBody } from "./openai-request.ts";
import { createVllmSleeper } from "./vllm-sleeper.ts";

const HEALTH_PATH = "/health";
const MODELS_PATH = "/v1/models";
const FIND_MODEL_MS = 10_000;

/** What costs next to nothing. The other APIs are warmed up only with params that the runtime gives. */
const WARM_UPS: Readonly<Partial<Record<OpenaiApi, Readonly<Record<string, Json>>>>> = {
  chat: { prompt: "hi", max_tokens: 1 },
  completions: { prompt: "hi", max_tokens: 1 },
  embeddings: { input: "hi" },
};

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** What GET /v1/models says: names, null for a server without such a list, or why jobs cannot be served yet. */
type Models =
  | { readonly kind: "listed"; readonly names: readonly string[] | null }
  | { readonly kind: "unready"; readonly health: Health | null };

/**
 * The protocol `openai`, for one server: vLLM, llama.cpp, and whatever else speaks this API. A job is one request;
 * closing its connection is how these servers are told to stop.
 */
export function createOpenaiProtocol(
  endpoint: string,
  spec: ServiceSpec,
  readKey: (() => string) | null = null,
): WorkerProtocol {
  const connection = createServiceConnection(endpoint, readKey);
  const run = (job: ServiceJob): Promise<Json> => runOpenai(connection, spec, job);
  const warmUp = createWarmUp(run);
  return createServiceProtocol(connection, {
    name: "openai",
    sleeper: createVllmSleeper(connection, warmUp.reset),
    run,
    stop: () => Promise.resolve(false),
    async health(signal) {
      const up = await probeServer(connection, spec, signal);
      if (up?.status !== "ready") return up;
      const models = await listModels(connection, signal);
      if (models.kind === "unready") return models.health;
      if (spec.model !== null && models.names !== null && !isListed(spec.model, models.names)) {
        return starting(`the server lists the models ${models.names.join(", ")}, not ${spec.model}`);
      }
      const params = spec.warmUp ?? WARM_UPS[spec.api];
      return params === undefined ? ready : warmUp.check(params);
    },
  });
}

async function runOpenai(connection: ServiceConnection, spec: ServiceSpec, job: ServiceJob): Promise<Json> {
  const { headers, signal } = job;
  const path = OPENAI_PATHS[spec.api];
  const model = spec.model ?? (await firstModel(connection));
  const body = openaiBody(spec, model, job.params);
  const answer = await sendJob(connection, { method: "POST", path, headers, body, signal });
  if (!isSuccess(answer)) throw await refusalOf(answer, `POST ${path}`);
  return readOpenaiAnswer(spec.api, answer, job, connection);
}

/** llama.cpp and vLLM answer their health page with 503 while they load; servers without one are asked further on. */
async function probeServer(
  connection: ServiceConnection,
  { readyPath }: ServiceSpec,
  signal: AbortSignal,
): Promise<Health | null> {
  if (readyPath !== null) return probeReadyPath(connection, readyPath, signal);
  const answer = await probe(connection, HEALTH_PATH, signal);
  const hasNone = answer.status === 404 || answer.status === 405;
  return hasNone || isGood(answer) ? ready : unready(HEALTH_PATH, answer);
}

async function listModels(connection: ServiceConnection, signal: AbortSignal): Promise<Models> {
  const answer = await probe(connection, MODELS_PATH, signal);
  if (answer.status === 404 || answer.status === 405) return { kind: "listed", names: null };
  if (!isGood(answer)) return { kind: "unready", health: unready(MODELS_PATH, answer) };
  const names = parseModels(answer.text);
  if (names === null) {
    return {
      kind: "unready",
      health: starting(`the server's answer to GET ${MODELS_PATH} is no list of models`),
    };
  }
  if (names.length > 0) return { kind: "listed", names };
  return { kind: "unready", health: starting("the server lists no model (yet)") };
}

function parseModels(text: string): string[] | null {
  try {
    return ModelList.safeParse(JSON.parse(text)).data?.data.map(({ id }) => id) ?? null;
  } catch {
    return null;
  }
}

/** Some servers list "llama3:latest" and take "llama3". */
function isListed(model: string, names: readonly string[]): boolean {
  return names.includes(model) || names.includes(`${model}:latest`);
}

/** The name of the first model that a server lists; null = it lists none, or does not answer. Never rejects. */
export function firstModelOf(endpoint: string, readKey: (() => string) | null): Promise<string | null> {
  return firstModel(createServiceConnection(endpoint, readKey)).catch(() => null);
}

async function firstModel(connection: ServiceConnection): Promise<string | null> {
  const models = await listModels(connection, AbortSignal.timeout(FIND_MODEL_MS));
  return models.kind === "listed" ? (models.names?.[0] ?? null) : null;
}
