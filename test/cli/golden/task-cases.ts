import { fails, type GoldenCase } from "./golden-case.ts";
import { failedTask, taskView } from "./task-views.ts";

/** Of the commands about tasks. */
export const taskCases: Readonly<Record<string, GoldenCase>> = {
  apply: {
    argv: ["apply", "-f", "task.yaml"],
    files: { "task.yaml": "apiVersion: v1\n" },
    answers: { "POST /tasks": () => ({ tasks: [taskView] }) },
    wrong: {
      answers: { "POST /tasks": fails("task/invalid", "Missing required field: kind", "docs/tasks.md") },
    },
  },
  get: {
    argv: ["get"],
    answers: { "GET /tasks": () => ({ tasks: [taskView, failedTask] }) },
    wrong: { argv: ["get", "--filter", "stats = failed"] },
  },
  "get of one": {
    argv: ["get", taskView.id],
    of: "get",
    answers: {
      "GET /tasks/:task": () => ({
        ...taskView,
        document: { spec: { taskType: "echo" } },
        result: { ok: true, echo: { taskType: "echo" } },
      }),
    },
    wrong: {
      answers: { "GET /tasks/:task": fails("task/unknown", "task not found", "orch get lists the tasks") },
    },
  },
};
