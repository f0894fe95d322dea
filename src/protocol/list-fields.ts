import type { FieldsOf } from "../std/filter/fields.ts";
import type { EventView, JobView } from "./views.ts";

// Without schemas: the CLI, which is fast because it has none, reads these tables, too.

export const jobStates = [
  "held",
  "queued",
  "starting",
  "running",
  "succeeded",
  "failed",
  "cancelled",
] as const;

/** Nothing more will happen to a job in one of these. */
export const finishedStates = ["succeeded", "failed", "cancelled"] as const;

/** What jobs are filtered and sorted by: the fields of their JSON view. */
export const jobFields = {
  id: "number",
  runtime: "text",
  state: jobStates,
  "reason.code": "text",
  "reason.text": "text",
  exitCode: "number",
  worker: "text",
  gpus: "text",
  attempts: "number",
  priority: "number",
  "progress.fraction": "number",
  "progress.text": "text",
  summary: "text",
  label: "text",
  "labels.*": "text",
  correlation: "text",
  "array.id": "number",
  "array.index": "number",
  user: "text",
  submittedAt: "time",
  startedAt: "time",
  finishedAt: "time",
  "artifacts.name": "text",
  "artifacts.bytes": "bytes",
  "artifacts.type": "text",
  "artifacts.path": "text",
} as const satisfies FieldsOf<JobView>;

/** What events are filtered by. */
export const eventFields = {
  seq: "number",
  at: "time",
  type: "text",
  job: "number",
  correlation: "text",
  worker: "text",
  gpu: "text",
  text: "text",
} as const satisfies FieldsOf<EventView>;
