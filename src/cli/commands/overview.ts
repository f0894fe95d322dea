import type { StatusView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { toFailure } from "../../std/failure.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { jobCounts } from "./status.ts";

/** `orch` alone: where things stand and what to type next. Starts nothing. */
export const overview = command({
  name: "",
  summary: "Show where things stand",
  examples: [],
  async run(context) {
    const { out } = context;
    const view = await statusIfRunning(context);
    out.result(
      view === undefined
        ? { daemon: null }
        : { daemon: { pid: view.pid, version: view.version }, jobs: view.jobs },
      { text: () => out.fields(view === undefined ? [["daemon", "not running"]] : summaryOf(view)) },
    );
    if (!out.format.json && !out.format.quiet)
      out.note(`next: ${nextCommand(view)}    all commands: orch --help`);
    return 0;
  },
});

async function statusIfRunning({ connect }: Context): Promise<StatusView | undefined> {
  try {
    const client = await connect({ autostart: false });
    return await client.call("GET /status", {});
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "daemon/unreachable") return undefined;
    throw failure;
  }
}

function summaryOf(view: StatusView): [string, string][] {
  const free = view.gpus.reduce((sum, gpu) => sum + gpu.memory.freeBytes, 0);
  return [
    ["daemon", `running (pid ${view.pid})`],
    ["gpus", view.gpus.length === 0 ? "none" : `${view.gpus.length}, ${formatBytes(free)} free`],
    ["workers", String(view.workers.length)],
    ["jobs", jobCounts(view)],
  ];
}

function nextCommand(view: StatusView | undefined): string {
  if (view === undefined) return "orch up";
  const waiting = (view.jobs.queued ?? 0) + (view.jobs.held ?? 0);
  const running = (view.jobs.running ?? 0) + (view.jobs.starting ?? 0);
  return waiting + running > 0 ? "orch ls" : "orch run -- COMMAND";
}
