import { z } from "zod";
import { Flag, Moment } from "../protocol/inputs.ts";
import { TaskDetail, TaskView } from "../protocol/task-views.ts";
import type { Context } from "./context.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { operation } from "./operation.ts";
import type { TaskRecord } from "./task-book.ts";

const MOST_BYTES = 2 * 2 ** 20;
const MOST_LISTED = 10_000;

export const taskSubmit = operation({
  route: "POST /tasks",
  summary: "Queue the tasks of a document",
  who: "all",
  input: z.strictObject({ document: z.string().describe("YAML; see docs/tasks.md") }),
  output: z.object({ tasks: z.array(TaskView) }),
  maxBodyBytes: MOST_BYTES,
  async run(ctx, { document }, caller) {
    await ctx.groups.know(caller);
    return { tasks: (await ctx.tasks.submit(document, caller)).map(viewTask) };
  },
});

export const tasks = operation({
  route: "GET /tasks",
  summary: "List tasks, newest first",
  who: "all",
  input: z.strictObject({
    limit: z.coerce.number<number | string>().int().min(1).max(MOST_LISTED).default(100),
  }),
  output: z.object({ tasks: z.array(TaskView) }),
  run: async (ctx, { limit }, caller) => ({ tasks: (await ctx.tasks.list(caller, limit)).map(viewTask) }),
});

export const task = operation({
  route: "GET /tasks/:task",
  summary: "A task with its document and its result",
  who: "owner",
  input: z.strictObject({ task: z.string().min(1).max(200) }),
  output: TaskDetail,
  async run(ctx, { task: id }, caller) {
    const record = ctx.tasks.find(id, caller);
    const result = record.status === "done" ? await resultOf(ctx, id, caller) : null;
    return { ...viewTask(record), document: { ...record.document }, result };
  },
});

export const taskPrune = operation({
  route: "POST /tasks/prune",
  summary: "Remove tasks of documents that ended long ago, with their results",
  who: "all",
  input: z.strictObject({
    before: Moment.describe("those of documents whose last task ended before then"),
    state: z
      .enum(["done", "failed"])
      .optional()
      .describe("documents of which every task is done, or one failed; either when left out"),
    dryRun: Flag.default(false).describe("say what would be removed"),
  }),
  output: z.object({
    tasks: z.number().int().describe("removed, or to be removed"),
    results: z.number().int().describe("of these tasks, and such as were sent in"),
    bytes: z.number().describe("that the results take on disk"),
    more: z.boolean().describe("whether there are more: the same request removes them, too"),
  }),
  run: (ctx, { before, state = null, dryRun }, caller) =>
    ctx.tasks.prune({ beforeMs: before, state, dryRun }, caller),
});

async function resultOf(ctx: Context, id: string, caller: Parameters<Context["tasks"]["result"]>[1]) {
  const { result } = await ctx.tasks.result(id, caller);
  return result;
}

function viewTask(record: TaskRecord): TaskView {
  const { id, name, type, status, submission, node, user, jobs, worker, attempts, error, after, waitingOn } =
    record;
  return {
    ...{ id, name, type, status, submission, node, user, worker, attempts, error },
    ...{ jobs: [...jobs], after: [...after], waitingOn: [...waitingOn] },
    submittedAt: toTimestamp(record.submittedAtMs),
    startedAt: toTimestampOrNull(record.startedAtMs),
    finishedAt: toTimestampOrNull(record.finishedAtMs),
  };
}
