import { setTimeout as sleep } from "node:timers/promises";
import { must } from "../../std/assert.ts";
import type { Json } from "../../std/json.ts";
import { readPointer } from "../../std/json-pointer.ts";
import type { WorkerProtocol } from "../protocol.ts";
import type { HttpTemplate, ServiceSpec } from "../service.ts";
import {
  createServiceConnection,
  isSuccess,
  parseJson,
  probe,
  refusalOf,
  type ServiceConnection,
  sendJob,
} from "../service-connection.ts";
import { isGood, probeReadyPath } from "../service-health.ts";
import { createServiceProtocol, type ServiceJob } from "../service-protocol.ts";
import { createWarmUp } from "../warm-up.ts";
import { readHttpAnswer } from "./http-answer.ts";
import { fillPath, fillTemplate } from "./http-template.ts";

const STOP_MS = 5_000;
const PROGRESS_MS = 5_000;

/** The protocol `http`, for one server: anything that does a job for one request, by the template of its runtime. */
export function createHttpProtocol(endpoint: string, spec: ServiceSpec): WorkerProtocol {
  const connection = createServiceConnection(endpoint);
  const readyPath = must(spec.readyPath, "a service of protocol http has a ready path");
  const template = must(spec.template, "a service of protocol http has a template");
  const run = (job: ServiceJob): Promise<Json> => runHttp(connection, template, spec.fileParams, job);
  const warmUp = createWarmUp(run);
  return createServiceProtocol(connection, {
    name: "http",
    run,
    stop: () => stop(connection, template.cancel),
    async health(signal) {
      const health = await probeReadyPath(connection, readyPath, signal);
      return health?.status === "ready" && spec.warmUp !== null ? warmUp.check(spec.warmUp) : health;
    },
  });
}

async function runHttp(
  connection: ServiceConnection,
  template: HttpTemplate,
  fileParams: readonly string[],
  job: ServiceJob,
): Promise<Json> {
  const request = fillTemplate(template.request, fileParams, job.params);
  const headers = { ...job.headers, ...request.headers };
  const done = new AbortController();
  const watching = watch(connection, template.progress, job, done.signal);
  try {
    const answer = await sendJob(connection, { ...request, headers, signal: job.signal });
    if (!isSuccess(answer)) throw await refusalOf(answer, `${request.method} ${request.path}`);
    return await readHttpAnswer(template.response, answer, job, connection);
  } finally {
    done.abort();
    await watching;
  }
}

async function stop(connection: ServiceConnection, cancel: HttpTemplate["cancel"]): Promise<boolean> {
  if (cancel === null) return false;
  const signal = AbortSignal.timeout(STOP_MS);
  const answer = await connection.ask({ ...cancel, body: null, signal });
  if (answer instanceof Error) return false;
  answer.destroy();
  return isSuccess(answer);
}

/** Asks how far the job is, one question after the other. A server that cannot say so does no harm. */
async function watch(
  connection: ServiceConnection,
  progress: HttpTemplate["progress"],
  job: ServiceJob,
  done: AbortSignal,
): Promise<void> {
  if (progress === null) return;
  const path = fillPath(progress.path, {}, job.params);
  for (;;) {
    await sleep(progress.everyMs, undefined, { signal: done, ref: false }).catch(() => undefined);
    if (done.aborted) return;
    const answer = await probe(connection, path, AbortSignal.any([done, AbortSignal.timeout(PROGRESS_MS)]));
    if (done.aborted) return;
    if (isGood(answer)) tell(progress, answer.text, job);
  }
}

function tell(
  { fraction, text }: NonNullable<HttpTemplate["progress"]>,
  body: string,
  job: ServiceJob,
): void {
  const document = parsed(body);
  const far = fraction === null ? 0 : Number(readPointer(document, fraction));
  const words = text === null ? null : readPointer(document, text);
  job.onEvent({
    type: "progress",
    fraction: Number.isFinite(far) ? Math.min(1, Math.max(0, far)) : 0,
    text: typeof words === "string" ? words.slice(0, 200) : null,
  });
}

function parsed(body: string): Json {
  try {
    return parseJson(Buffer.from(body), undefined);
  } catch {
    return null;
  }
}
