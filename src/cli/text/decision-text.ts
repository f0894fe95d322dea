import type { DecisionView } from "../../protocol/views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { gpuNames } from "./job-text.ts";
import type { Column } from "./table.ts";

const verbs: Readonly<Record<DecisionView["kind"], string>> = {
  "start-worker": "start",
  "wake-worker": "wake",
  "drain-worker": "drain",
  "sleep-worker": "put to sleep",
  "stop-worker": "stop",
  "start-job": "run",
  "end-job": "end",
};

/** "drain sdxl-1", "run job 42 on sdxl-2" */
export function describeDecision({ kind, worker, job }: DecisionView): string {
  if (kind === "end-job") return `end job ${job}`;
  if (kind === "start-job") return `run job ${job} on ${worker ?? "a worker"}`;
  return `${verbs[kind]} ${worker}`;
}

/** Columns of a plan. */
export const decisionColumns: readonly Column<DecisionView>[] = [
  {
    title: "IN",
    value: ({ inMs }) => (inMs === 0 ? "now" : formatDurationMs(inMs)),
    align: "right",
    rank: 4,
  },
  { title: "WHAT", value: describeDecision, shrinks: true, rank: 5 },
  { title: "LANE", value: ({ lane }) => lane, shrinks: true, rank: 1 },
  { title: "GPUS", value: ({ gpus }) => gpuNames(gpus), shrinks: true, rank: 2 },
  { title: "WHY", value: ({ why }) => why, shrinks: true, rank: 3 },
];
