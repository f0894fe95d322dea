import type { Context } from "../../operations/context.ts";
import { submitBatch } from "../../operations/submit-batch.ts";
import type { Caller } from "../../protocol/operation.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { giveWay } from "../../std/give-way.ts";
import type { Json } from "../../std/json.ts";
import type { JobRow } from "../../store/queries.ts";
import type { TaskProgress, TaskRow, TaskTable } from "../../store/tasks.ts";
import { type RuntimesByType, runtimeFor } from "../../tasks/choose-runtime.ts";
import { withRendered } from "../../tasks/graph-template.ts";
import { whyNoGpu } from "../../tasks/job-wishes.ts";
import { type JsonMap, mapOf } from "../../tasks/json-map.ts";
import { resolve, type Sources } from "../../tasks/references.ts";
import type { Keeper } from "./keep-result.ts";
import { jobsOf, MOST_ATTEMPTS, resultOf } from "./task-jobs.ts";

/** What a task is moved on with. */
export interface Drive {
  readonly ctx: Context;
  readonly table: TaskTable;
  readonly keeper: Keeper;
  readonly runtimes: RuntimesByType;
  /** Variables that documents may name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Writes down how the task stands. */
  note(task: TaskRow, progress: Partial<TaskProgress>): Promise<void>;
  /** Says why a task that could start does not; null = it may. */
  noteWait(task: TaskRow, why: string | null): void;
  readonly signal: AbortSignal;
}

/** Who runs what needs no runtime. */
export const SELF = "orch";

/** Trouble that passes: the task waits. */
const PASSING = new Set([
  "store/busy",
  "store/full",
  "daemon/stopping",
  "quota/refused",
  "engine/unavailable",
]);
/** What this host has not, now. */
const TOO_MUCH = new Set(["gpu/too-many", "gpu/too-large", "gpu/unavailable", "host/too-large"]);

/**
 * Moves a task on as far as it goes now. It may be called at any time, again and again: what was begun is known by its jobs,
 * which are submitted once. Resolves when nothing is left to do until a job or another task changes.
 */
export async function driveTask(drive: Drive, task: TaskRow): Promise<void> {
  try {
    if (task.state === "waiting" && !(await isLetGo(drive, task))) return;
    if (task.state === "dispatched") await gather(drive, task);
    else await begin(drive, task);
  } catch (error) {
    if (drive.signal.aborted) return;
    const failure = toFailure(error);
    if (PASSING.has(failure.code) || TOO_MUCH.has(failure.code))
      return drive.noteWait(task, failure.sentence);
    await end(drive, task, "failed", { error: failure.sentence });
    if (failure.code === "bug") throw error;
  }
}

/** Whether all that it waits for is done; one that failed fails it. */
async function isLetGo(drive: Drive, task: TaskRow): Promise<boolean> {
  const before = task.after.map((id) => drive.table.find(id));
  const failed = before.find((each) => each === undefined || each.state === "failed");
  if (failed !== undefined) {
    await end(drive, task, "failed", { error: `${failed.node ?? failed.name} failed` });
    return false;
  }
  return before.every((each) => each?.state === "done");
}

async function begin(drive: Drive, task: TaskRow): Promise<void> {
  const { ctx } = drive;
  const spec = await specOf(drive, task);
  const gpus = ctx
    .latestSample()
    .gpus.map(({ reading }) => ({ name: reading.name, totalBytes: reading.memory.totalBytes }));
  const why = whyNoGpu(spec, gpus);
  drive.noteWait(task, why);
  if (why !== null) return;
  const runtime = runtimeFor(task.type, spec, drive.runtimes, ctx.runtimes);
  if (runtime === null) {
    const nowMs = ctx.clock.nowMs();
    await drive.note(task, { state: "dispatched", worker: SELF, attempts: 1, startedAtMs: nowMs });
    return finish(drive, task, spec, { ok: true, echo: spec }, []);
  }
  const { quotas } = ctx.state().policy;
  const { maxPriority } = quotas[`user:${task.user}`] ?? quotas["user:*"] ?? { maxPriority: null };
  const jobs = jobsOf(task, spec, { runtime, maxPriority });
  if (jobs.length === 0) return finish(drive, task, spec, resultOf(task, spec, runtime, []), []);
  const input = { jobs, idempotencyKey: `task:${task.id}` };
  const { ids } = await (submitBatch.run(ctx, input, callerOf(task), drive.signal) as Promise<{
    ids: number[];
  }>);
  await drive.note(task, { state: "dispatched", jobs: ids });
  await gather(drive, task);
}

/** Looks at the jobs of a task. */
async function gather(drive: Drive, task: TaskRow): Promise<void> {
  const { ctx } = drive;
  const spec = await specOf(drive, task);
  if (task.jobs.length === 0) return finish(drive, task, spec, { ok: true, echo: spec }, []);
  const known: JobRow[] = [];
  for (const id of task.jobs) {
    const job = ctx.queries.job(id);
    if (job !== undefined) known.push(job);
    await giveWay();
  }
  if (known.length < task.jobs.length) throw new Failure("job/unknown", "jobs of the task were removed");
  const bad = known.find(({ state }) => state === "failed" || state === "cancelled");
  if (bad !== undefined) return giveUp(drive, task, known, bad);
  if (known.some(({ finishedAtMs }) => finishedAtMs === null)) return;
  const answers = await Promise.all(
    known.map(async (job) => ({ job, output: await drive.keeper.outputOf(job) })),
  );
  const runtime = ctx.runtimes.get(known[0]?.runtime ?? "");
  await finish(drive, task, spec, resultOf(task, spec, runtime, answers), known);
}

/** One of its jobs failed for good: the others are not needed any more. */
async function giveUp(drive: Drive, task: TaskRow, jobs: readonly JobRow[], bad: JobRow): Promise<void> {
  const live = jobs.filter(({ finishedAtMs }) => finishedAtMs === null);
  for (const { id } of live) await drive.ctx.ask({ type: "cancel", jobId: id }).catch(() => undefined);
  const why = bad.reasonText ?? bad.reasonCode ?? `exit code ${bad.exitCode}`;
  await end(drive, task, "failed", { ...standingOf(jobs), error: `job ${bad.id} ${bad.state}: ${why}` });
}

async function finish(
  drive: Drive,
  task: TaskRow,
  spec: JsonMap,
  result: Json,
  jobs: readonly JobRow[],
): Promise<void> {
  const standing = jobs.length === 0 ? { worker: task.worker ?? SELF } : standingOf(jobs);
  await drive.keeper.keep(task, { spec, result, jobs, worker: standing.worker }, drive.signal);
  await end(drive, task, "done", standing);
}

async function end(
  drive: Drive,
  task: TaskRow,
  state: "done" | "failed",
  more: Partial<TaskProgress>,
): Promise<void> {
  drive.noteWait(task, null);
  const finishedAtMs = drive.ctx.clock.nowMs();
  await drive.note(task, { ...more, state, finishedAtMs, startedAtMs: more.startedAtMs ?? task.startedAtMs });
}

/** What a task has of its jobs. */
export function standingOf(
  jobs: readonly JobRow[],
): Pick<TaskProgress, "worker" | "attempts" | "startedAtMs"> {
  const starts = jobs.flatMap(({ startedAtMs }) => (startedAtMs === null ? [] : [startedAtMs]));
  return {
    worker: jobs.findLast(({ workerName }) => workerName !== null)?.workerName ?? null,
    attempts: Math.min(MOST_ATTEMPTS, Math.max(0, ...jobs.map(({ attempts }) => attempts))),
    startedAtMs: starts.length === 0 ? null : Math.min(...starts),
  };
}

/** The spec with its references filled in by what earlier tasks of its document came to. */
async function specOf(drive: Drive, task: TaskRow): Promise<JsonMap> {
  const stored = new Map<string, JsonMap>();
  for (const id of task.after) {
    const before = drive.table.find(id);
    const kept = await drive.keeper.read(id);
    if (before?.node != null) stored.set(before.node, { task_id: id, ...(kept as JsonMap | null) });
  }
  const sources: Sources = {
    stage: (name) => stored.get(name),
    variable: (name) => (Object.hasOwn(drive.variables, name) ? drive.variables[name] : undefined),
  };
  const given = mapOf(task.document["spec"]);
  return mapOf(resolve(withRendered(given, sources), sources));
}

/** Whoever submitted the task, with what their key allowed. It was charged then. */
function callerOf({ uid, user, grant }: TaskRow): Caller {
  const plain = { uid, user, pid: 0 };
  return grant === null ? plain : { ...plain, key: { ...grant, mayRun: false, charge: () => {} } };
}
