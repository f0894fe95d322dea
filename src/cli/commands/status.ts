import { jobStates } from "../../protocol/list-fields.ts";
import type { StatusView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { command } from "../command.ts";
import { gpuColumns } from "../text/gpu-text.ts";

export const status = command({
  name: "status",
  summary: "Show the state of the daemon; exits 3 when none runs",
  examples: ["orch status", "orch status --json"],
  async run({ out, connect }) {
    const client = await connect({ autostart: false });
    const view = await client.call("GET /status", {});
    out.result(view, {
      ids: [view.pid],
      text() {
        out.fields([
          ["daemon", `pid ${view.pid}, version ${view.version}, up ${formatDurationMs(view.uptimeMs)}`],
          ["jobs", jobCounts(view)],
          ["workers", view.workers.length],
          ["logs", logSizes(view.logs)],
          ["gpus", `${view.gpus.length}, seen by ${view.probe}`],
        ]);
        if (view.gpus.length > 0) out.table(view.gpus, gpuColumns);
      },
    });
    return 0;
  },
});

/** "2 running, 5 queued", or "none". */
export function jobCounts(view: Pick<StatusView, "jobs">): string {
  const counts = jobStates.filter((state) => (view.jobs[state] ?? 0) > 0);
  return counts.map((state) => `${view.jobs[state]} ${state}`).join(", ") || "none";
}

/** "12 MiB being written, 1 GiB in all of at most 20 GiB" */
function logSizes({ liveBytes, totalBytes, limitBytes }: StatusView["logs"]): string {
  const limit = limitBytes === null ? "" : ` of at most ${formatBytes(limitBytes)}`;
  const total = totalBytes === null ? "" : `, ${formatBytes(totalBytes)} in all${limit}`;
  return `${formatBytes(liveBytes)} being written${total}`;
}
