import type { TaskView } from "../../protocol/task-views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import type { Column } from "./table.ts";

/** Whether nothing more happens to a task. */
export function isOver({ status }: Pick<TaskView, "status">): boolean {
  return status === "done" || status === "failed";
}

const colours = {
  done: "green",
  failed: "red",
  dispatched: "cyan",
  pending: undefined,
  waiting: "dim",
} as const;

/** The columns of a list of tasks. `nowMs`: ages are counted from then. */
export function taskColumns(nowMs: number): Column<TaskView>[] {
  return [
    { title: "TASK", value: ({ id }) => id, rank: 9 },
    { title: "NAME", value: ({ name }) => name, shrinks: true, rank: 8 },
    { title: "TYPE", value: ({ type }) => type, rank: 6 },
    { title: "STATUS", value: ({ status }) => status, colour: ({ status }) => colours[status], rank: 7 },
    { title: "WORKER", value: ({ worker }) => worker, rank: 3 },
    { title: "AGE", value: ({ submittedAt }) => ageText(Date.parse(submittedAt), nowMs), rank: 2 },
    { title: "ERROR", value: ({ error }) => error, shrinks: true, rank: 5 },
  ];
}

function ageText(sinceMs: number, nowMs: number): string {
  return formatDurationMs(Math.max(0, Math.floor((nowMs - sinceMs) / 1000) * 1000));
}
