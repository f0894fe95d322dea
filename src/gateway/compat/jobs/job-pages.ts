import type { Caller } from "../../../protocol/operation.ts";
import type { JobView } from "../../../protocol/views.ts";
import { startDeadline } from "../../../std/deadline-signal.ts";
import { Failure } from "../../../std/failure.ts";
import type { Exchange } from "../../port.ts";
import { answerJson } from "../answer.ts";
import type { Runtimes } from "./app-runtime.ts";
import { findClientJob, jobsOf } from "./client-jobs.ts";
import { ADMIN_HEADERS, type JobsDesk, refuse, runtimesNow } from "./desk.ts";
import { APP_LABEL, clientIdOf } from "./job-id.ts";
import { resultOf } from "./job-result.ts";
import { costOf, durationSeconds, errorLogOf, statesOf, statusOf } from "./job-status.ts";

/** `GET /status/{id}`: how a job stands, and what came of it. */
export async function jobStatus({ port }: JobsDesk, exchange: Exchange, id: string): Promise<void> {
  if (id === "") return refuse(exchange, 400, "Missing job_id");
  const job = await findClientJob(port, id, exchange.caller);
  if (job === null) return refuse(exchange, 404, "Job not found");
  const errorLog = errorLogOf(job);
  answerJson(exchange.response, 200, {
    job_id: clientIdOf(job),
    status: statusOf(job),
    created_at: job.submittedAt,
    ...(job.finishedAt === null ? {} : { completed_at: job.finishedAt }),
    ...(job.state === "succeeded" ? { result: await resultOf(job.labels[APP_LABEL] ?? "", job) } : {}),
    ...(errorLog === null ? {} : { error_log: errorLog }),
  });
}

const MOST_ROWS = 1_000;

/** `GET /admin/jobs`: a page of the jobs, newest first. An empty filter is no filter. */
export async function jobList(desk: JobsDesk, { query, caller, response }: Exchange): Promise<void> {
  const asked = new URLSearchParams(query);
  const limit = readCount(asked.get("limit"), 50, MOST_ROWS) || 50;
  const offset = readCount(asked.get("offset"), 0, Number.MAX_SAFE_INTEGER);
  const status = asked.get("status") || null;
  const states = status === null ? null : statesOf(status);
  const filter = { states, app: asked.get("app_id") || null, worker: asked.get("worker_id") || null };
  const runtimes = await runtimesNow(desk, caller);
  const { clientJobs } = desk.port;
  const { ids, total } = await clientJobs.page({ ...filter, uid: uidOf(caller), offset, limit });
  const jobs = (await jobsOf(desk.port, ids, caller)).map((job) => rowOf(job, runtimes));
  const page = Math.floor(offset / limit);
  answerJson(response, 200, { jobs, total, page, limit, offset }, ADMIN_HEADERS);
}

/** Whose jobs a caller may count; null = everybody's. */
function uidOf({ isAdmin, uid }: Caller): number | null {
  return isAdmin === true ? null : uid;
}

function readCount(text: string | null, fallback: number, most: number): number {
  return text !== null && /^\d{1,15}$/.test(text) ? Math.min(Number(text), most) : fallback;
}

function rowOf(job: JobView, runtimes: Runtimes): object {
  const app = job.labels[APP_LABEL] ?? "";
  return {
    id: clientIdOf(job),
    app_id: app,
    status: statusOf(job),
    created_at: job.submittedAt,
    started_at: job.startedAt,
    completed_at: job.finishedAt,
    worker_id: job.worker,
    cost_estimate: costOf(job, runtimes.find(app)?.cost ?? null),
    error_log: errorLogOf(job),
    duration_seconds: durationSeconds(job),
  };
}

const DAY_MS = 86_400_000;

/** `GET /admin/metrics/summary`: how many jobs there are, and what they cost. */
export async function jobSummary(desk: JobsDesk, { caller, response }: Exchange): Promise<void> {
  const runtimes = await runtimesNow(desk, caller);
  const sinceMs = desk.port.clock.nowMs() - DAY_MS;
  const byStatus: Record<string, number> = {};
  const byApp: Record<string, number> = {};
  let [total, recent, cost] = [0, 0, 0];
  for (const each of await desk.port.clientJobs.tally({ sinceMs, uid: uidOf(caller) })) {
    const status = statusOf(each);
    const { perSecond, perJob } = runtimes.find(each.app)?.cost ?? { perSecond: 0, perJob: 0 };
    total += each.jobs;
    recent += each.recent;
    cost += (each.runMs / 1000) * perSecond + each.ran * perJob;
    byStatus[status] = (byStatus[status] ?? 0) + each.jobs;
    byApp[each.app] = (byApp[each.app] ?? 0) + each.jobs;
  }
  const summary = {
    total_jobs: total,
    jobs_24h: recent,
    total_cost: Math.round(cost * 1e6) / 1e6,
    jobs_by_status: byStatus,
    jobs_by_app: byApp,
  };
  answerJson(response, 200, summary, ADMIN_HEADERS);
}

/** How long a job that is being stopped may take until its end is told of. */
const STOP_MS = 60_000;

/** `POST /admin/jobs/{id}/cancel`: stops the work, and answers once it has stopped. */
export async function cancelJob({ port }: JobsDesk, exchange: Exchange, id: string): Promise<void> {
  const { caller, response, signal } = exchange;
  const job = await findClientJob(port, id, caller);
  const missing = (): void => refuse(exchange, 404, "Job not found or cannot be cancelled");
  if (job === null || job.finishedAt !== null) return missing();
  try {
    await port.call("POST /jobs/:job/cancel", { job: job.id }, caller);
  } catch (error) {
    if (error instanceof Failure && error.code === "job/state") return missing();
    throw error;
  }
  const deadline = startDeadline(STOP_MS, signal);
  await untilOver(port, job.id, exchange, deadline.signal).finally(deadline.end);
  const message = `Job ${id} cancelled`;
  answerJson(response, 200, { success: true, job_id: clientIdOf(job), message }, ADMIN_HEADERS);
}

async function untilOver(
  port: JobsDesk["port"],
  job: number,
  { caller }: Exchange,
  signal: AbortSignal,
): Promise<void> {
  for await (const line of port.stream("GET /follow", { jobs: [job] }, caller, signal))
    if (line.type === "end") return;
}

/** `POST /admin/jobs/{id}/retry`: runs a failed job again, as a new one. */
export async function retryJob(desk: JobsDesk, exchange: Exchange, id: string): Promise<void> {
  const { caller, response } = exchange;
  const job = await findClientJob(desk.port, id, caller);
  if (job === null || statusOf(job) !== "FAILED")
    return refuse(exchange, 404, "Job not found or not in FAILED status");
  const runtimes = await runtimesNow(desk, caller);
  if (runtimes.find(job.labels[APP_LABEL] ?? "") === null)
    return refuse(exchange, 400, "App not found in registry");
  const again = await desk.port.call("POST /jobs/:job/retry", { job: job.id }, caller);
  const done = {
    new_job_id: clientIdOf(again),
    original_id: clientIdOf(job),
    message: "Job queued for retry",
  };
  answerJson(response, 200, { success: true, ...done }, ADMIN_HEADERS);
}
