import { z } from "zod";
import { JsonValue } from "./json-value.ts";

const Timestamp = z.iso.datetime().describe("RFC 3339, UTC");

/** As clients of tasks know them. */
export const taskStatuses = ["waiting", "pending", "dispatched", "done", "failed"] as const;

export const TaskView = z.object({
  id: z.string(),
  name: z.string().describe("of its document, with the stage or node behind a colon"),
  type: z.string().describe("taskType, e.g. inference"),
  status: z
    .enum(taskStatuses)
    .describe("waiting for other tasks, pending for a worker, dispatched to one, done or failed"),
  submission: z.string().describe("the tasks of one document have one"),
  node: z.string().nullable().describe("its stage or node; null = the document is one task"),
  user: z.string(),
  jobs: z.array(z.number().int()).describe("what runs for it"),
  worker: z.string().nullable(),
  attempts: z.number().int(),
  error: z.string().nullable().describe("why it failed, or why it does not start"),
  after: z.array(z.string()).describe("ids of the tasks that it waits for"),
  waitingOn: z.array(z.string()).describe("of these, those that are not done"),
  submittedAt: Timestamp,
  startedAt: Timestamp.nullable(),
  finishedAt: Timestamp.nullable(),
});
export type TaskView = z.infer<typeof TaskView>;

export const TaskDetail = TaskView.extend({
  // The document as it holds for this task; the result is null until it is done.
  document: JsonValue,
  result: JsonValue,
});
export type TaskDetail = z.infer<typeof TaskDetail>;
