import type { TaskView } from "../../../src/protocol/task-views.ts";

/** A task that is done. */
export const taskView: TaskView = {
  id: "8d5c1f0e-3b5a-4c55-9d4e-0a4f1f2f6f10",
  name: "hello",
  type: "echo",
  status: "done",
  submission: "0f0e0d0c-3b5a-4c55-9d4e-0a4f1f2f6f10",
  node: null,
  user: "ada",
  jobs: [],
  worker: "orch",
  attempts: 1,
  error: null,
  after: [],
  waitingOn: [],
  submittedAt: "2026-01-02T00:00:00.000Z",
  startedAt: "2026-01-02T00:00:00.000Z",
  finishedAt: "2026-01-02T00:00:01.000Z",
};

/** A stage that failed since the one before it did. */
export const failedTask: TaskView = {
  ...taskView,
  id: "9a5c1f0e-3b5a-4c55-9d4e-0a4f1f2f6f10",
  name: "report:write",
  node: "write",
  type: "inference",
  status: "failed",
  worker: null,
  attempts: 0,
  error: "read failed",
  after: [taskView.id],
  waitingOn: [taskView.id],
  startedAt: null,
};
