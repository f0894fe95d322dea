import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { TaskDetail, TaskView } from "../../protocol/task-views.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { isOver, taskColumns } from "../text/task-text.ts";

interface Options {
  readonly file: string;
  readonly wait?: boolean;
}

/** Tasks run for seconds to hours; the daemon answers such a question in a millisecond. */
const LOOK_MS = 200;

export const apply = command<Options>({
  name: "apply",
  summary: "Queue the tasks of a YAML document; with --wait exits 0 when all are done",
  examples: [
    "orch apply -f task.yaml",
    "orch apply -f task.yaml --wait --json  # with the results",
    "orch apply -f - < task.yaml",
    "orch get $(orch apply -q -f task.yaml)",
  ],
  describe: (parser) =>
    parser
      .requiredOption("-f, --file <file>", "the document; - reads stdin (docs/tasks.md says what it holds)")
      .option("-w, --wait", "until all of its tasks are over"),
  async run(context, _args, options) {
    const { out, io } = context;
    const document = await readDocument(context, options.file);
    const client = await context.connect();
    const { tasks } = await client.call("POST /tasks", { document });
    const last = options.wait === true ? await untilOver(context, client, tasks) : tasks;
    out.result(
      { tasks: last },
      {
        ids: last.map(({ id }) => id),
        text: () => out.table<TaskView>(last, taskColumns(io.clock.nowMs())),
      },
    );
    const failed = last.find(({ status }) => status === "failed");
    if (failed === undefined) {
      if (options.wait !== true) out.hint(`orch get ${last[0]?.id ?? ""}`);
      return 0;
    }
    out.note(`${failed.name} failed: ${failed.error ?? "no reason is known"}`);
    return 1;
  },
});

async function untilOver(
  context: Context,
  client: Client,
  begun: readonly TaskView[],
): Promise<TaskDetail[]> {
  const { out, signal } = context;
  const over = new Map<string, TaskDetail>();
  for (;;) {
    for (const { id } of begun) {
      if (over.has(id)) continue;
      const task = await client.call("GET /tasks/:task", { task: id });
      if (isOver(task)) over.set(id, task);
    }
    if (over.size === begun.length) break;
    out.progress(`${over.size} of ${begun.length} tasks are over`);
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {
      throw new Failure("interrupted", "interrupted", { hint: "the tasks go on: orch get" });
    });
  }
  out.progress(null);
  return begun.flatMap(({ id }) => over.get(id) ?? []);
}

async function readDocument({ io }: Context, file: string): Promise<string> {
  if (file === "-") {
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString("utf8");
  }
  try {
    return readFileSync(resolve(io.cwd, file), "utf8");
  } catch (error) {
    throw new Failure(
      errnoOf(error) === "ENOENT" ? "file/missing" : "file/unreadable",
      `${file} cannot be read`,
      {
        why: errnoOf(error) ?? String(error),
        hint: `ls -l ${file}`,
      },
    );
  }
}
