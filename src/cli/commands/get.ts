import type { TaskDetail, TaskView } from "../../protocol/task-views.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { type Command, command } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import { taskColumns } from "../text/task-text.ts";

const fields: FieldsOf<TaskView> = {
  id: "text",
  name: "text",
  type: "text",
  status: ["waiting", "pending", "dispatched", "done", "failed"],
  submission: "text",
  node: "text",
  user: "text",
  jobs: "number",
  worker: "text",
  attempts: "number",
  error: "text",
  after: "text",
  waitingOn: "text",
  submittedAt: "time",
  startedAt: "time",
  finishedAt: "time",
};

const list = listCommand({
  name: "get",
  summary: "List tasks, or show one with its result",
  examples: [
    "orch get",
    "orch get --filter 'status = failed'",
    "orch get 8d5c1f0e-3b5a-4c55-9d4e-0a4f1f2f6f10 --json",
  ],
  describe: (parser) => parser.argument("[task]", "id of one task, first"),
  rows: "tasks",
  fields,
  id: ({ id }: TaskView) => id,
  columns: (_rows, nowMs) => taskColumns(nowMs),
  fetch: (client) => client.call("GET /tasks", {}),
  empty: "no tasks; orch apply --help",
});

const one = command({
  name: "get",
  summary: list.summary,
  examples: list.examples,
  describe: (parser) => parser.argument("<task>", "its id"),
  async run({ out, connect }, [id = ""]) {
    const client = await connect();
    const task = await client.call("GET /tasks/:task", { task: id });
    out.result(task, { ids: [task.id], text: () => printTask(out, task) });
    return 0;
  },
});

/** A list, or one task where an id is the first word. */
export const get: Command = {
  ...list,
  execute: (context, argv) => (isId(argv[0]) ? one : list).execute(context, argv),
};

function isId(word: string | undefined): boolean {
  return word !== undefined && !word.startsWith("-");
}

function printTask(out: Context["out"], task: TaskDetail): void {
  out.fields([
    ["task", task.id],
    ["name", task.name],
    ["type", task.type],
    ["status", task.status],
    ["error", task.error],
    ["after", task.after.length === 0 ? null : task.after.join(", ")],
    ["waiting on", task.waitingOn.length === 0 ? null : task.waitingOn.join(", ")],
    ["jobs", task.jobs.length === 0 ? null : task.jobs.join(", ")],
    ["worker", task.worker],
    ["attempts", task.attempts],
    ["user", task.user],
    ["submitted", task.submittedAt],
    ["started", task.startedAt],
    ["finished", task.finishedAt],
    ["result", task.result === null ? null : JSON.stringify(task.result)],
  ]);
}
