import type { Client } from "../../client/client.ts";
import type { JobDetail, JobView, RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import { onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { changeIn, documentOf } from "../edit/job-document.ts";
import { openEditor } from "../edit/open-editor.ts";
import { fetchInto } from "../submit/gather-params.ts";
import { resolveFiles } from "../submit/params.ts";
import { jobSentence } from "../text/job-text.ts";

export const edit = command({
  name: "edit",
  summary: "Change a waiting job in your editor: its priority, limits, times and params",
  examples: ["orch edit 42", "EDITOR=nano orch edit 42"],
  describe: (parser) => parser.argument("<job>", "job id"),
  async run(context, args) {
    const { out, io } = context;
    const id = onlyJobId(args);
    const client = await context.connect();
    const job = await client.call("GET /jobs/:job", { job: id });
    if (job.state !== "held" && job.state !== "queued") {
      throw new Failure("job/state", `job ${id} is ${job.state}; only waiting jobs can be edited`, {
        hint: job.finishedAt === null ? `orch show ${id}` : `orch retry ${id}`,
      });
    }
    if (io.stdin.isTTY !== true && !io.env["VISUAL"] && !io.env["EDITOR"]) {
      throw new Failure("usage/invalid", "there is no terminal for an editor", {
        hint: `orch update ${id} --help`,
      });
    }
    const runtime =
      job.command === null ? await client.call("GET /runtimes/:runtime", { runtime: job.runtime }) : null;
    const changed = await editUntilDone(context, client, job, runtime);
    if (changed === null) out.note(`nothing changed: job ${id} is as it was`);
    if (changed === null && !out.format.json) return 0;
    out.result(changed ?? job, { ids: [id], text: () => out.print(jobSentence(changed ?? job)) });
    return 0;
  },
});

/** Failures that somebody can put right in the editor. */
const MENDABLE = /^(param|usage|request|file|job\/deadline|quota|gpu|host|runtime)/;

/** Opens the editor again with what was wrong on top, until it is right or closed as it was. */
async function editUntilDone(
  context: Context,
  client: Client,
  job: JobDetail,
  runtime: RuntimeView | null,
): Promise<JobView | null> {
  const original = await documentOf(job, runtime);
  let shown = original;
  let failure: Failure | null = null;
  for (;;) {
    const text = await openEditor(context, `job-${job.id}.yaml`, shown);
    if (text === shown || text.trim() === "") {
      if (failure !== null) throw failure;
      return null;
    }
    try {
      const body = withoutError(text);
      return body === original ? null : await apply(context, client, job, { runtime, text: body });
    } catch (error) {
      if (!(error instanceof Failure) || !MENDABLE.test(error.code)) throw error;
      failure = error;
      shown = errorOnTop(error) + withoutError(text);
    }
  }
}

async function apply(
  context: Context,
  client: Client,
  { id, ...job }: JobDetail,
  { runtime, text }: { runtime: RuntimeView | null; text: string },
): Promise<JobView | null> {
  const { io } = context;
  const change = await changeIn(text, { id, ...job }, runtime, io.clock.nowMs());
  if (change === null) return null;
  if (runtime === null || change.params === undefined)
    return client.call("POST /jobs/:job/update", { job: id, ...change });
  const from = { cwd: io.cwd, spool: noStdin, fetch: fetchInto(context) };
  const params = await resolveFiles(runtime, { ...change.params }, from);
  return client.call("POST /jobs/:job/update", { job: id, ...change, params });
}

const MARK = "#! ";

function errorOnTop({ message, why, hint }: Failure): string {
  const lines = [`error: ${message}`, ...(why ? [`  why: ${why}`] : []), ...(hint ? [`  try: ${hint}`] : [])];
  return lines.map((line) => `${MARK}${line.replaceAll("\n", " ")}\n`).join("");
}

function withoutError(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.startsWith(MARK))
    .join("\n");
}

function noStdin(): Promise<string> {
  throw new Failure("usage/invalid", "a file cannot come from stdin here", { hint: "give its path" });
}
