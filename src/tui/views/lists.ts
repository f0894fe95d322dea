import type { EventView } from "../../protocol/views.ts";
import type { RuntimeHistory, Users } from "../feed/snapshot.ts";
import { drawBar } from "../text/bar.ts";
import type { PaneColumn } from "../text/columns.ts";
import { plain } from "../text/foreign-text.ts";
import type { Look, Role } from "../text/look.ts";
import { clockTime, grouped, shortSpan } from "../text/span.ts";

export type Account = Users["accounts"][number];

/** Columns of what happened. */
export const eventColumns: readonly PaneColumn<EventView>[] = [
  { title: "TIME", width: 8, text: ({ at }) => clockTime(Date.parse(at)), role: () => "dim" },
  { title: "EVENT", width: 16, drop: 1, text: ({ type }) => plain(type), role: eventRole },
  { title: "WHAT", width: 20, grow: 1, text: ({ text }) => plain(text) },
];

function eventRole({ type }: EventView): Role {
  if (/fail|lost|stuck|quarantine|cancel/.test(type)) return "bad";
  if (/succeed|ready|wake/.test(type)) return "good";
  return /drain|stop|evict|preempt|retry|sleep/.test(type) ? "warn" : "accent";
}

/** Columns of users and groups. */
export function userColumns(look: Look): readonly PaneColumn<Account>[] {
  const limited = (used: number, limit: number | null | undefined): string =>
    limit === null || limit === undefined ? grouped(used) : `${grouped(used)}/${grouped(limit)}`;
  return [
    {
      title: "ACCOUNT",
      width: 14,
      grow: 1,
      text: ({ account }) => plain(account),
      by: ({ account }) => account,
    },
    {
      title: "RUNNING",
      width: 9,
      align: "right",
      text: ({ running, limits }) => limited(running, limits?.running),
      by: ({ running }) => -running,
    },
    {
      title: "WAITING",
      width: 11,
      align: "right",
      text: ({ waiting, limits }) => limited(waiting, limits?.queued),
      by: ({ waiting }) => -waiting,
    },
    { title: "GPUS", width: 5, align: "right", text: ({ gpus }) => rounded(gpus), by: ({ gpus }) => -gpus },
    {
      title: "GPU-HOURS",
      width: 11,
      align: "right",
      text: ({ gpuHours, limits }) =>
        limits?.gpuHours == null ? rounded(gpuHours) : `${rounded(gpuHours)}/${rounded(limits.gpuHours)}`,
      by: ({ gpuHours }) => -gpuHours,
    },
    {
      title: "SHARE",
      width: 12,
      grow: 2,
      draw: ({ share }, columns) => {
        const text = `${Math.round(share * 100)}%`.padStart(5);
        const parts = [{ value: share, role: "ours" as const, glyph: look.glyphs.used }];
        return drawBar(look, parts, 1, columns - text.length) + text;
      },
      by: ({ share }) => -share,
    },
    {
      title: "KEPT BACK BY",
      width: 12,
      text: ({ blockedBy }) => (blockedBy === null ? "-" : `quota ${blockedBy}`),
      role: ({ blockedBy }) => (blockedBy === null ? "dim" : "warn"),
    },
  ];
}

function rounded(value: number): string {
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** Columns of what runtimes have done. */
export const runtimeColumns: readonly PaneColumn<RuntimeHistory>[] = [
  {
    title: "RUNTIME",
    width: 12,
    grow: 1,
    text: ({ runtime }) => plain(runtime),
    by: ({ runtime }) => runtime,
  },
  { title: "JOBS", width: 6, align: "right", text: ({ jobs }) => grouped(jobs), by: ({ jobs }) => -jobs },
  {
    title: "FAILED",
    width: 6,
    align: "right",
    text: ({ failed }) => grouped(failed),
    role: ({ failed }) => (failed === 0 ? "dim" : "bad"),
    by: ({ failed }) => -failed,
  },
  { title: "WAIT P50", width: 8, align: "right", text: ({ waitMs }) => timeText(waitMs?.p50) },
  { title: "P95", width: 6, align: "right", text: ({ waitMs }) => timeText(waitMs?.p95) },
  { title: "RUN P50", width: 7, align: "right", text: ({ runMs }) => timeText(runMs?.p50) },
  { title: "P95", width: 6, align: "right", drop: 1, text: ({ runMs }) => timeText(runMs?.p95) },
  { title: "SWITCHES", width: 8, align: "right", text: ({ switches }) => grouped(switches) },
  { title: "START P50", width: 9, align: "right", drop: 2, text: ({ startMs }) => timeText(startMs?.p50) },
];

function timeText(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 1000 ? `${Math.round(ms)}ms` : shortSpan(ms);
}
