import type { Caller } from "../protocol/operation.ts";
import type { EventRow, JobRow, Queries, WorkerRow } from "../store/queries.ts";
import type { Context } from "./context.ts";

/** What is another user's affair in a job: what it does and what came of it. The rest is what scheduling needs. */
const hiddenOfJob = {
  params: {},
  command: null,
  resumeCommand: null,
  cwd: null,
  summary: "",
  label: null,
  labels: {},
  correlation: null,
  exitCode: null,
  reasonText: null,
  output: null,
  artifacts: null,
} as const satisfies Partial<JobRow>;

/**
 * The context as its caller may see it: the one place where it is decided what users see of each other. Every operation
 * is given it, so what one reads of jobs, workers and events of others is without params, commands, environments, logs
 * and outputs; their ids, states, users, runtimes, GPUs and times stay, since waiting is explained by them.
 */
export function seenBy(ctx: Context, caller: Caller): Context {
  if (caller.isAdmin === true) return ctx;
  const mayRead = (owned: { readonly uid: number }): boolean => owned.uid === caller.uid;
  return { ...ctx, mayRead, queries: filtered(ctx.queries, mayRead, caller.uid) };
}

/** Names every query, so that a new one does not compile before it is decided what of it others may see. */
function filtered(queries: Queries, mayRead: Context["mayRead"], uid: number): Queries {
  const owners = new Map<number, boolean>();
  /** Who submitted a job never changes, and streams ask often. An unknown job is nobody's. */
  const isOwn = (jobId: number): boolean => {
    const row = owners.has(jobId) ? undefined : queries.job(jobId);
    if (row !== undefined) owners.set(jobId, mayRead(row));
    return owners.get(jobId) ?? false;
  };
  // The lane of a runtime's job has its load params in its name.
  const ofJob = (row: JobRow): JobRow => (mayRead(row) ? row : { ...row, ...hiddenOfJob, lane: row.runtime });
  // What a worker that failed said last may be about anybody's job.
  const ofWorker = (row: WorkerRow): WorkerRow => ({ ...row, detail: null });
  const ofEvent = (row: EventRow): EventRow =>
    row.jobId !== null && isOwn(row.jobId) ? row : { ...row, text: "" };
  const maybe = <Row>(row: Row | undefined, show: (row: Row) => Row): Row | undefined =>
    row === undefined ? undefined : show(row);
  return {
    job: (id) => maybe(queries.job(id), ofJob),
    jobs: (filter) => queries.jobs(filter).map(ofJob),
    searchJobs(search) {
      const found = queries.searchJobs({ ...search, viewerUid: uid });
      return { ...found, page: (range) => found.page(range).map(ofJob) };
    },
    newestJob: queries.newestJob,
    environment: (jobId) => (isOwn(jobId) ? queries.environment(jobId) : null),
    attempts: (jobId) =>
      queries.attempts(jobId).map((row) => (isOwn(jobId) ? row : { ...row, exitCode: null })),
    events: (filter) => queries.events(filter).map(ofEvent),
    worker: (id) => maybe(queries.worker(id), ofWorker),
    workerByName: (name) => maybe(queries.workerByName(name), ofWorker),
    workers: (filter) => queries.workers(filter).map(ofWorker),
    jobsOfCorrelation: (correlation, limit) => queries.jobsOfCorrelation(correlation, limit).filter(isOwn),
    // Numbers, ids and times: what scheduling needs, or what only operations for owners and admins ask.
    counts: queries.counts,
    newestFinished: queries.newestFinished,
    finishedRuns: queries.finishedRuns,
    termsOf: queries.termsOf,
    lastEventSeq: queries.lastEventSeq,
    gpusOf: queries.gpusOf,
    submission: queries.submission,
    liveOfArray: queries.liveOfArray,
    lastOfArray: queries.lastOfArray,
    statesOfArray: queries.statesOfArray,
    deadlineOf: queries.deadlineOf,
    failedJobs: queries.failedJobs,
    endedBefore: queries.endedBefore,
    usage: (asked) => queries.usage({ ...asked, uid }),
    workersOfAttempts: queries.workersOfAttempts,
    leasesBefore: queries.leasesBefore,
    gpuSteps: queries.gpuSteps,
    oldestGpuStep: queries.oldestGpuStep,
    knownGpus: queries.knownGpus,
    holders: queries.holders,
    workerSteps: queries.workerSteps,
    meta: queries.meta,
    setMeta: queries.setMeta,
  };
}
