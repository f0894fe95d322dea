import type { Logger } from "pino";
import type { Context } from "../../operations/context.ts";
import type { TaskProgress, TaskRow, TaskTable } from "../../store/tasks.ts";
import type { QuietWrite } from "../quiet-write.ts";
import { type Drive, driveTask } from "./drive-task.ts";
import type { Keeper } from "./keep-result.ts";
import type { TaskSettings } from "./task-book.ts";

/** Moves live tasks on when their jobs or the tasks before them change. */
export interface TaskDriver {
  /** Looks at these tasks soon. */
  look(ids: readonly string[]): void;
  /** Why a task that could start does not. */
  waitOf(id: string): string | undefined;
  stop(): void;
}

interface Parts {
  readonly ctx: Context;
  readonly table: TaskTable;
  readonly keeper: Keeper;
  readonly write: QuietWrite;
  readonly settings: Pick<TaskSettings, "runtimes">;
  readonly variables: Readonly<Record<string, string>>;
  readonly log: Logger;
}

/** What waits for GPUs, quotas or a disk has no news of its own. */
const LOOK_MS = 2_000;

/** Goes on with all that is not over, and listens. */
export function createTaskDriver(parts: Parts): TaskDriver {
  const { ctx, table, log } = parts;
  const desk = createLiveTasks(ctx);
  const controller = new AbortController();
  /** What is being moved on, and whether it is to be looked at once more afterwards. */
  const busy = new Map<string, boolean>();
  const drive = createDrive(parts, desk, { signal: controller.signal, look: (ids) => lookAll(ids) });
  const moveOn = async (id: string): Promise<void> => {
    if (busy.has(id)) return void busy.set(id, true);
    do {
      busy.set(id, false);
      const task = desk.live.get(id);
      if (task === undefined) break;
      await driveTask(drive, task);
    } while (busy.get(id) === true && !controller.signal.aborted);
    busy.delete(id);
  };
  const lookAll = (ids: readonly string[]): void => {
    for (const id of ids)
      moveOn(id).catch((error: unknown) => {
        busy.delete(id);
        if (!controller.signal.aborted) log.error({ err: error, task: id }, "a task could not be moved on");
      });
  };
  const unlisten = ctx.feed.listen((notice) => {
    if (notice.type !== "jobs") return;
    const due = desk.noteJobs(notice.ids);
    if (due.length > 0) setImmediate(() => lookAll(due));
  });
  // What waits for jobs or for other tasks is told of them.
  const timer = setInterval(() => lookAll(desk.waiting()), LOOK_MS);
  timer.unref();
  for (const row of table.live()) desk.take(row);
  lookAll([...desk.live.keys()]);
  return {
    look(ids) {
      for (const id of ids) {
        const row = table.find(id);
        if (row !== undefined && row.finishedAtMs === null) desk.take(row);
      }
      lookAll(ids);
    },
    waitOf: (id) => desk.waits.get(id),
    stop() {
      unlisten();
      clearInterval(timer);
      controller.abort();
    },
  };
}

/** The tasks that are not over. */
interface LiveTasks {
  readonly live: ReadonlyMap<string, TaskRow>;
  readonly waits: Map<string, string>;
  take(row: TaskRow): void;
  drop(row: TaskRow): void;
  /** Takes in that jobs changed; gives the tasks whose last job ended, or of which one failed. */
  noteJobs(ids: ReadonlySet<number>): string[];
  /** Those that nothing will be told of. */
  waiting(): string[];
}

function createLiveTasks({ queries }: Context): LiveTasks {
  const live = new Map<string, TaskRow>();
  /** By job that is not over, the task that waits for it. */
  const byJob = new Map<number, string>();
  /** By task, its jobs that are not over. */
  const left = new Map<string, number>();
  const waits = new Map<string, string>();
  const drop = ({ id, jobs }: TaskRow): void => {
    live.delete(id);
    waits.delete(id);
    left.delete(id);
    for (const job of jobs) byJob.delete(job);
  };
  return {
    ...{ live, waits, drop },
    take(row) {
      live.set(row.id, row);
      const open = row.jobs.filter((id) => queries.job(id)?.finishedAtMs === null);
      for (const job of open) byJob.set(job, row.id);
      left.set(row.id, open.length);
    },
    noteJobs(ids) {
      const due = new Set<string>();
      for (const id of byJob.size === 0 ? [] : ids) {
        const task = byJob.get(id);
        const job = task === undefined ? undefined : queries.job(id);
        if (task === undefined || job === undefined || job.finishedAtMs === null) continue;
        byJob.delete(id);
        const more = (left.get(task) ?? 1) - 1;
        left.set(task, more);
        if (more <= 0 || job.state !== "succeeded") due.add(task);
      }
      return [...due];
    },
    waiting: () =>
      [...live.values()].filter(({ id, state }) => state === "pending" || waits.has(id)).map(({ id }) => id),
  };
}

interface Around {
  readonly signal: AbortSignal;
  readonly look: (ids: readonly string[]) => void;
}

function createDrive(
  { ctx, table, keeper, write, settings, variables }: Parts,
  desk: LiveTasks,
  { signal, look }: Around,
): Drive {
  return {
    ...{ ctx, table, keeper, variables, signal },
    runtimes: settings.runtimes,
    noteWait: (task, why) => void (why === null ? desk.waits.delete(task.id) : desk.waits.set(task.id, why)),
    async note(task, progress: Partial<TaskProgress>) {
      const { state, jobs, worker, attempts, error, startedAtMs, finishedAtMs } = { ...task, ...progress };
      const now = { state, jobs, worker, attempts, error, startedAtMs, finishedAtMs };
      await write(() => table.update(task.id, now));
      const row = Object.assign(task, now);
      if (finishedAtMs === null) return desk.take(row);
      desk.drop(row);
      look([...desk.live.values()].filter(({ after }) => after.includes(row.id)).map(({ id }) => id));
    },
  };
}
