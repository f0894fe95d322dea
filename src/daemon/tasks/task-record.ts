import type { Context } from "../../operations/context.ts";
import type { TaskRecord } from "../../operations/task-book.ts";
import type { TaskRow, TaskTable } from "../../store/tasks.ts";
import { standingOf } from "./drive-task.ts";

/** A document as it was submitted, and its tasks. */
export interface TaskDocument {
  readonly text: string;
  /** In the order in which they can run. */
  readonly tasks: readonly TaskRow[];
}

/** The document of a submission, by its id. */
export function documentOf(table: TaskTable, submission: string): TaskDocument {
  return { text: table.text(submission), tasks: table.ofSubmission(submission) };
}

interface Around {
  readonly document: TaskDocument;
  readonly ctx: Context;
  /** Why it does not start, although it could. */
  readonly wait: string | undefined;
}

/** Of a task with thousands of jobs, so many tell how it stands. */
const MOST_JOBS = 100;

/** A task as callers see it. */
export function recordOf(task: TaskRow, { document, ctx, wait }: Around): TaskRecord {
  const { state, ...plain } = task;
  const ids = state === "dispatched" ? task.jobs.slice(0, MOST_JOBS) : [];
  const jobs = ids.flatMap((id) => ctx.queries.job(id) ?? []);
  const live = jobs.length === 0 ? {} : standingOf(jobs);
  const isWaiting = jobs.length > 0 && jobs.every(({ workerId }) => workerId === null);
  const isDone = (id: string): boolean => document.tasks.find((each) => each.id === id)?.state === "done";
  return {
    ...plain,
    ...live,
    error: task.error ?? wait ?? null,
    status: isWaiting ? "pending" : state,
    waitingOn: task.finishedAtMs === null ? task.after.filter((id) => !isDone(id)) : [],
    dependents: document.tasks.filter(({ after }) => after.includes(task.id)).map(({ id }) => id),
    text: document.text,
  };
}
