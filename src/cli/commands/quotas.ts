import type { QuotaView } from "../../protocol/submission-views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { listCommand } from "../list/list-command.ts";
import type { Column } from "../text/table.ts";

const fields: FieldsOf<QuotaView> = {
  account: "text",
  waiting: "number",
  running: "number",
  gpus: "number",
  gpuHours: "number",
  share: "number",
  "limits.running": "number",
  "limits.queued": "number",
  "limits.gpuHours": "number",
  "limits.maxPriority": "number",
  blockedBy: ["running", "gpuHours"],
};

const columns: readonly Column<QuotaView>[] = [
  { title: "ACCOUNT", value: ({ account }) => account, shrinks: true, rank: 9 },
  { title: "WAITING", value: (row) => used(row.waiting, row.limits?.queued), align: "right", rank: 6 },
  { title: "RUNNING", value: (row) => used(row.running, row.limits?.running), align: "right", rank: 7 },
  { title: "GPUS", value: ({ gpus }) => round(gpus), align: "right", rank: 5 },
  { title: "GPU-HOURS", value: (row) => used(row.gpuHours, row.limits?.gpuHours), align: "right", rank: 8 },
  { title: "SHARE", value: ({ share }) => `${Math.round(share * 100)}%`, align: "right", rank: 3 },
  { title: "MAX PRIORITY", value: ({ limits }) => limits?.maxPriority ?? null, align: "right", rank: 1 },
  { title: "NOTE", value: noteOf, shrinks: true, rank: 4 },
];

export const quotas = listCommand({
  name: "quotas",
  summary: "What users and groups use of the GPUs, and what they may use",
  examples: ["orch quotas", "orch quotas --sort -gpuHours", "orch quotas --json"],
  rows: "accounts",
  fields,
  id: ({ account }: QuotaView) => account,
  columns: () => columns,
  fetch: (client) => client.call("GET /quotas", {}),
  empty: "no accounts",
  notes: ({ halfLifeMs }) => [`GPU-hours count half after ${formatDurationMs(halfLifeMs)}`],
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
