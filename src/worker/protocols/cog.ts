import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Health, JobEvent, WorkerProtocol } from "../protocol.ts";
import { type Document, EmbeddedFile, jsonBody } from "../request-body.ts";
import type { ServiceSpec } from "../service.ts";
import {
  createServiceConnection,
  isNotNow,
  isSuccess,
  LostTouch,
  probe,
  readJson,
  refusalOf,
  type ServiceConnection,
  sendJob,
} from "../service-connection.ts";
import { failed, isGood, probeReadyPath, ready, starting, unready } from "../service-health.ts";
import { createServiceProtocol, type ServiceJob } from "../service-protocol.ts";
import { createWarmUp } from "../warm-up.ts";
import { saveFilesIn } from "./cog-output.ts";

const HEALTH_PATH = "/health-check";
const HEALTH_MS = 5_000;
const STOP_MS = 5_000;
const POLL_MS = 500;
/** Of the log of a setup that failed. */
const SHOWN_CHARACTERS = 600;

const HealthCheck = z.object({
  status: z.string(),
  setup: z.object({ logs: z.string().nullish() }).nullish(),
  user_healthcheck_error: z.string().nullish(),
});

const Prediction = z.object({
  status: z.string(),
  // It came out of JSON.parse, so it is Json.
  output: z
    .unknown()
    .optional()
    .transform((output) => (output ?? null) as Json),
  error: z.string().nullish(),
  logs: z.string().nullish(),
  metrics: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * The protocol `cog`, for one server: containers made for Replicate. A job is one PUT that answers when it is done. The
 * server cancels it when the connection closes and keeps no result, so it cannot be attached to again.
 */
export function createCogProtocol(
  endpoint: string,
  spec: ServiceSpec,
  readKey: (() => string) | null = null,
): WorkerProtocol {
  const connection = createServiceConnection(endpoint, readKey);
  const run = (job: ServiceJob): Promise<Json> => predict(connection, spec, job);
  const warmUp = createWarmUp(run);
  return createServiceProtocol(connection, {
    name: "cog",
    run,
    async stop(key) {
      const signal = AbortSignal.timeout(STOP_MS);
      const path = `${pathOf(key)}/cancel`;
      const answer = await connection.ask({ method: "POST", path, body: null, signal });
      if (answer instanceof Error) return false;
      answer.destroy();
      return isSuccess(answer);
    },
    async health(signal) {
      const health = await checkHealth(connection, spec.readyPath, signal);
      return health?.status === "ready" && spec.warmUp !== null ? warmUp.check(spec.warmUp) : health;
    },
  });
}

function pathOf(key: string): string {
  return `/predictions/${key}`;
}

async function predict(connection: ServiceConnection, spec: ServiceSpec, job: ServiceJob): Promise<Json> {
  const log = createLogTail(job.onEvent);
  const body = jsonBody({ input: inputOf(spec, job.params) });
  const done = new AbortController();
  const watching = watch(connection, job, log, done.signal);
  try {
    const { headers, signal } = job;
    const request = { method: "PUT" as const, path: pathOf(job.key), headers, body, signal };
    const answer = await sendJob(connection, request, (refusal) => isBusy(connection, refusal));
    if (!isSuccess(answer)) throw await refusalOf(answer, "the prediction");
    const prediction = parsePrediction(await readJson(answer));
    log.hear(prediction.logs ?? "", true);
    return await resultOf(connection, prediction, job);
  } finally {
    done.abort();
    await watching;
  }
}

/** Files go as data URLs, since a container does not see the host's. Params of the start are not part of the input. */
function inputOf({ fileParams, loadParams }: ServiceSpec, params: ServiceJob["params"]): Document {
  const own = Object.entries(params).filter(([name]) => !loadParams.includes(name));
  return Object.fromEntries(
    own.map(([name, value]): [string, Document] => {
      const isLocal = fileParams.includes(name) && typeof value === "string" && !/^https?:/i.test(value);
      return [name, isLocal ? new EmbeddedFile(value, "dataUrl") : value];
    }),
  );
}

/** 409: another prediction has the place; or, with a server whose model process has died, nothing ever will. */
async function isBusy(connection: ServiceConnection, refusal: IncomingMessage): Promise<boolean> {
  if (refusal.statusCode !== 409 && !isNotNow(refusal)) return false;
  await refuseBroken(connection);
  return true;
}

/** @throws LostTouch when the server can serve nobody any more */
async function refuseBroken(connection: ServiceConnection): Promise<void> {
  const health = await checkHealth(connection, null, AbortSignal.timeout(HEALTH_MS));
  if (health?.status === "ready") return;
  throw new LostTouch(`the server broke down: ${health?.detail ?? "it does not answer"}`);
}

async function resultOf(
  connection: ServiceConnection,
  prediction: z.infer<typeof Prediction>,
  job: ServiceJob,
): Promise<Json> {
  const { status, output, error, metrics } = prediction;
  if (status === "succeeded") {
    if (metrics) job.onEvent({ type: "log", text: `metrics: ${JSON.stringify(metrics)}` });
    return saveFilesIn(output, job.folder);
  }
  if (status === "canceled") throw new Failure("job/failed", "the server cancelled the prediction");
  if (status !== "failed") throw new LostTouch(`the server ended a prediction that is ${status}`);
  // A model process that died takes the server with it: then it was not the job that failed.
  await refuseBroken(connection);
  throw new Failure(
    "job/failed",
    (error ?? "the prediction failed").replace(/^(?:Prediction failed: )+/, ""),
  );
}

function parsePrediction(value: Json): z.infer<typeof Prediction> {
  const parsed = Prediction.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Failure("job/failed", "the server's answer is no prediction");
}

/**
 * Follows a prediction while it runs: a PUT of a running one answers with what there is so far. Its input is one that
 * no server takes, so that nothing is started when the prediction has just ended.
 */
async function watch(
  connection: ServiceConnection,
  { key, onEvent }: ServiceJob,
  log: LogTail,
  done: AbortSignal,
): Promise<void> {
  const body = jsonBody({ input: [] });
  let seen = 0;
  for (;;) {
    await sleep(POLL_MS, undefined, { signal: done, ref: false }).catch(() => undefined);
    if (done.aborted) return;
    const answer = await connection.ask({ method: "PUT", path: pathOf(key), body, signal: done });
    if (answer instanceof Error) return;
    const prediction = answer.statusCode === 202 ? await readPrediction(answer) : null;
    if (answer.statusCode !== 202) answer.destroy();
    if (prediction === null || done.aborted) continue;
    log.hear(prediction.logs ?? "", false);
    if (!Array.isArray(prediction.output) || prediction.output.length === seen) continue;
    seen = prediction.output.length;
    onEvent({ type: "progress", fraction: log.fraction, text: `outputs so far: ${seen}` });
  }
}

async function readPrediction(answer: IncomingMessage): Promise<z.infer<typeof Prediction> | null> {
  try {
    return Prediction.safeParse(await readJson(answer)).data ?? null;
  } catch {
    return null;
  }
}

interface LogTail {
  /** Takes the log so far; tells what of it is new. A line without its end waits unless `isWhole`. */
  hear(logs: string, isWhole: boolean): void;
  /** By the last bar in it; 0 = none yet. */
  readonly fraction: number;
}

/** The bars that most models print: " 45%|####". */
const PERCENT = /(\d{1,3})%\|/g;

function createLogTail(onEvent: (event: JobEvent) => void): LogTail {
  let told = 0;
  let fraction = 0;
  return {
    get fraction() {
      return fraction;
    },
    hear(logs, isWhole) {
      const end = isWhole ? logs.length : logs.lastIndexOf("\n") + 1;
      const percent = [...logs.slice(told).matchAll(PERCENT)].at(-1)?.[1];
      if (percent !== undefined) {
        fraction = Math.min(1, Number(percent) / 100);
        onEvent({ type: "progress", fraction, text: null });
      }
      if (end <= told) return;
      onEvent({ type: "log", text: logs.slice(told, end) });
      told = end;
    },
  };
}

async function checkHealth(
  connection: ServiceConnection,
  readyPath: string | null,
  signal: AbortSignal,
): Promise<Health | null> {
  if (readyPath !== null) return probeReadyPath(connection, readyPath, signal);
  const answer = await probe(connection, HEALTH_PATH, signal);
  if (!isGood(answer)) return unready(HEALTH_PATH, answer);
  const check = parseHealth(answer.text);
  switch (check?.status) {
    case "READY":
    case "BUSY":
      return ready;
    case "SETUP_FAILED":
    case "DEFUNCT":
    // Its own check failed, or its model process died: as far as is known no server comes back from that.
    case "UNHEALTHY": {
      const words = check.user_healthcheck_error ?? check.setup?.logs?.trim().slice(-SHOWN_CHARACTERS) ?? "";
      return failed(`the server says ${check.status}${words === "" ? "" : `: ${words}`}`);
    }
    case undefined:
      return starting(`the server does not speak cog: bad answer to GET ${HEALTH_PATH}`);
    default:
      return starting(`the server says ${check?.status}`);
  }
}

function parseHealth(text: string): z.infer<typeof HealthCheck> | null {
  try {
    return HealthCheck.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
