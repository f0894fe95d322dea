import type { JobDetail } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { arrayName, isFinished, labelsText } from "../text/job-text.ts";
import { laneName } from "../text/lane-text.ts";
import { lifeColumns } from "../text/life-text.ts";

export const show = command({
  name: "show",
  summary: "Show a job with its attempts and events",
  examples: ["orch show 42", "orch show 42 --json"],
  describe: (parser) => parser.argument("<job>", "job id"),
  async run({ io, out, connect }, args) {
    const client = await connect();
    const job = await client.call("GET /jobs/:job", { job: onlyJobId(args) });
    out.result(job, { ids: [job.id], text: () => printDetail(out, io, job) });
    return 0;
  },
});

function printDetail(out: Context["out"], io: Context["io"], job: JobDetail): void {
  out.fields([
    ["job", job.id],
    ["state", job.state],
    ["reason", job.reason === null ? null : `${job.reason.code}: ${job.reason.text}`],
    ["exit code", job.exitCode],
    ["runtime", job.runtime],
    ["command", job.command === null ? null : job.command.join(" ")],
    ["terminal", terminalOf(job)],
    ["label", job.label],
    ["labels", labelsText(job.labels)],
    ["correlation", job.correlation],
    ["params", Object.keys(job.params).length === 0 ? null : JSON.stringify(job.params)],
    ["user", job.user],
    ["array", arrayName(job)],
    ["lane", laneName(job.lane)],
    ["priority", job.priority],
    ["after", job.after.length === 0 ? null : job.after.join(", ")],
    ["schedule", job.schedule],
    ["begin", job.begin],
    ["deadline", job.deadline],
    ["webhook", webhookText(job.webhook)],
    ["preemptible", job.preemptible ? `yes, preempted ${job.preemptions} times so far` : null],
    ["retries", job.retries],
    ["time limit", job.timeLimitMs === null ? null : formatDurationMs(job.timeLimitMs)],
    ["worker", job.worker],
    ["gpus", job.gpus.length === 0 ? null : job.gpus.join(", ")],
    ["submitted", job.submittedAt],
    ["started", job.startedAt],
    ["finished", job.finishedAt],
    ["output", job.output === null ? null : JSON.stringify(job.output)],
    ["log", job.logPath],
    ["output folder", job.outputDir],
  ]);
  printLists(out, io, job);
}

function webhookText(webhook: JobDetail["webhook"]): string | null {
  if (webhook === null) return null;
  const { url, state, detail } = webhook;
  const how = { open: "still to be told", done: "told", dead: "given up" }[state];
  return `${url} (${how}${detail === null ? "" : `: ${detail}`})`;
}

function terminalOf({ id, terminal, state }: JobDetail): string | null {
  if (!terminal) return null;
  return isFinished({ state }) ? `it was in one; what was on it: orch logs ${id}` : `orch attach ${id}`;
}

function printLists(out: Context["out"], io: Context["io"], job: JobDetail): void {
  if (job.artifacts.length > 0) {
    out.print("");
    out.table(job.artifacts, [
      { title: "ARTIFACT", value: (artifact) => artifact.name, shrinks: true, rank: 2 },
      { title: "SIZE", value: (artifact) => formatBytes(artifact.bytes), align: "right" },
      { title: "PATH", value: (artifact) => artifact.path, rank: 1 },
    ]);
  }
  if (job.life.length > 0) {
    out.print("");
    out.table(job.life, lifeColumns(job.life, io));
  }
  if (job.history.length > 0) {
    out.print("");
    out.table(job.history, [
      { title: "ATTEMPT", value: (attempt) => attempt.attempt, align: "right", rank: 4 },
      { title: "WORKER", value: (attempt) => attempt.worker, rank: 2 },
      { title: "OUTCOME", value: (attempt) => attempt.outcome, rank: 3 },
      { title: "EXIT", value: (attempt) => attempt.exitCode, align: "right" },
      { title: "STARTED", value: (attempt) => attempt.startedAt },
      { title: "FINISHED", value: (attempt) => attempt.finishedAt },
    ]);
  }
  if (job.timeline.length > 0) {
    out.print("");
    out.table(job.timeline, [
      { title: "AT", value: (event) => event.at, rank: 1 },
      { title: "EVENT", value: (event) => event.type, rank: 2 },
      { title: "TEXT", value: (event) => event.text, shrinks: true, rank: 3 },
    ]);
  }
}
