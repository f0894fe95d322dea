import type { QuotaView } from "../../protocol/submission-views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { command } from "../command.ts";

export const quotas = command({
  name: "quotas",
  summary: "What users and groups use of the GPUs, and what they may use",
  examples: ["orch quotas", "orch quotas --json"],
  async run({ out, connect }) {
    const client = await connect();
    const view = await client.call("GET /quotas", {});
    out.result(view, {
      ids: view.accounts.map(({ account }) => account),
      text() {
        out.table(view.accounts, [
          { title: "ACCOUNT", value: ({ account }) => account },
          { title: "WAITING", value: (row) => used(row.waiting, row.limits?.queued), align: "right" },
          { title: "RUNNING", value: (row) => used(row.running, row.limits?.running), align: "right" },
          { title: "GPUS", value: ({ gpus }) => round(gpus), align: "right" },
          { title: "GPU-HOURS", value: (row) => used(row.gpuHours, row.limits?.gpuHours), align: "right" },
          { title: "SHARE", value: ({ share }) => `${Math.round(share * 100)}%`, align: "right" },
          { title: "MAX PRIORITY", value: ({ limits }) => limits?.maxPriority ?? null, align: "right" },
          { title: "NOTE", value: noteOf },
        ]);
        out.note(`GPU-hours count half after ${formatDurationMs(view.halfLifeMs)}`);
      },
    });
    return 0;
  },
});

/** "3 of 10", or the figure alone where there is no limit. */
function used(figure: number, limit: number | null | undefined): string {
  return limit == null ? round(figure) : `${round(figure)} of ${round(limit)}`;
}

function round(figure: number): string {
  return String(Math.round(figure * 100) / 100);
}

function noteOf({ blockedBy }: QuotaView): string | null {
  if (blockedBy === null) return null;
  return blockedBy === "running" ? "runs as many as it may" : "has used its GPU-hours";
}
