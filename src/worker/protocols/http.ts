import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { must } from "../../std/assert.ts";
import { startDeadline } from "../../std/deadline-signal.ts";
import type { Json } from "../../std/json.ts";
import { placeholdersIn } from "../../std/placeholders.ts";
import type { WorkerProtocol } from "../protocol.ts";
import type { HttpTemplate, ServiceSpec } from "../service.ts";
import {
  createServiceConnection,
  isSuccess,
  parseJson,
  probe,
  readJson,
  refusalOf,
  type ServiceConnection,
  sendJob,
} from "../service-connection.ts";
import { isGood, probeReadyPath } from "../service-health.ts";
import { createServiceProtocol, type ServiceJob } from "../service-protocol.ts";
import { createWarmUp } from "../warm-up.ts";
import { readHttpAnswer } from "./http-answer.ts";
import { type Poll, polledJob, pollUntilDone, tellProgress } from "./http-poll.ts";
import { fillPath, fillTemplate } from "./http-template.ts";

const STOP_MS = 5_000;
const PROGRESS_MS = 5_000;

/** The protocol `http`, for one server: anything that does a job for one request, by the template of its runtime. */
export function createHttpProtocol(
  endpoint: string,
  spec: ServiceSpec,
  readKey: (() => string) | null = null,
): WorkerProtocol {
  const connection = createServiceConnection(endpoint, readKey);
  const readyPath = must(spec.readyPath, "a service of protocol http has a ready path");
  const template = must(spec.template, "a service of protocol http has a template");
  // What the server calls the jobs that it is asked for.
  const ids = new Map<string, string>();
  const run = (job: ServiceJob): Promise<Json> => runHttp(connection, template, spec.fileParams, job, ids);
  const warmUp = createWarmUp(run);
  return createServiceProtocol(connection, {
    name: "http",
    run,
    stop: (key) => stop(connection, template.cancel, ids.get(key) ?? null),
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
  ids: Map<string, string>,
): Promise<Json> {
  const request = fillTemplate(template.request, fileParams, job.params);
  const headers = { ...job.headers, ...request.headers };
  const done = new AbortController();
  const watching = watch(connection, template.progress, job, done.signal);
  try {
    const answer = await sendJob(connection, { ...request, headers, signal: job.signal });
    if (!isSuccess(answer)) throw await refusalOf(answer, `${request.method} ${request.path}`);
    const poll = template.poll ?? null;
    const result = poll === null ? answer : await follow(connection, poll, job, { answer, ids });
    return await readHttpAnswer(template.response, result, job, connection);
  } finally {
    ids.delete(job.key);
    done.abort();
    await watching;
  }
}

async function follow(
  connection: ServiceConnection,
  poll: Poll,
  job: ServiceJob,
  { answer, ids }: { readonly answer: IncomingMessage; readonly ids: Map<string, string> },
): Promise<IncomingMessage> {
  const polled = polledJob(poll, await readJson(answer));
  if (polled.id !== null) ids.set(job.key, polled.id);
  return pollUntilDone(connection, poll, polled, job);
}

/** @param id what the server calls the job; null = it is not known, so only a path without it can be asked */
async function stop(
  connection: ServiceConnection,
  cancel: HttpTemplate["cancel"],
  id: string | null,
): Promise<boolean> {
  if (cancel === null || (id === null && placeholdersIn(cancel.path).length > 0)) return false;
  const path = id === null ? cancel.path : fillPath(cancel.path, {}, { id });
  const signal = AbortSignal.timeout(STOP_MS);
  const answer = await connection.ask({ ...cancel, path, body: null, signal });
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
    const deadline = startDeadline(PROGRESS_MS, done);
    const answer = await probe(connection, path, deadline.signal);
    deadline.end();
    if (done.aborted) return;
    if (isGood(answer)) tellProgress(progress, parsed(answer.text), job);
  }
}

function parsed(body: string): Json {
  try {
    return parseJson(Buffer.from(body), undefined);
  } catch {
    return null;
  }
}
