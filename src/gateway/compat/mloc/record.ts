import type { TaskRecord } from "../../../operations/task-book.ts";
import type { Json } from "../../../std/json.ts";

/** Attempts that a task has at most. */
const MOST_ATTEMPTS = 3;

const TRAINING = ["ppo", "dpo", "sft", "lora_sft"];

/** Which of the three kinds of work a task type is counted with. */
export function categoryOf(type: string): "inference" | "training" | "other" {
  if (TRAINING.includes(type)) return "training";
  return type === "inference" ? "inference" : "other";
}

function topicOf(type: string): string {
  return `tasks.${type}`;
}

const seconds = (atMs: number | null): number | null => (atMs === null ? null : atMs / 1000);

/** A task as clients of the older system know it. */
export function viewRecord(task: TaskRecord) {
  const isOver = task.finishedAtMs !== null;
  return {
    task_id: task.id,
    raw_yaml: task.text,
    parsed: task.document,
    status: task.status.toUpperCase(),
    assigned_worker: task.worker,
    topic: topicOf(task.type),
    submitted_at: new Date(task.submittedAtMs).toISOString(),
    error: task.error,
    submission_id: task.submission,
    task_type: task.type,
    category: categoryOf(task.type),
    attempts: task.attempts,
    max_attempts: MOST_ATTEMPTS,
    started_ts: seconds(task.startedAtMs),
    finished_ts: seconds(task.finishedAtMs),
    graph_node_name: task.node,
    depends_on: task.after,
    pending_dependencies: task.waitingOn,
    dependents: task.dependents,
    completed: isOver && task.status === "done",
    failed: isOver && task.status === "failed",
    name: task.name,
    jobs: task.jobs,
  };
}

/** The answer to a submission: both shapes in one object. */
export function viewSubmitted(tasks: readonly TaskRecord[]) {
  const [first] = tasks;
  return {
    ok: true,
    task_id: first?.id ?? null,
    worker_id: first?.worker ?? null,
    topic: first === undefined ? null : topicOf(first.type),
    count: tasks.length,
    tasks: tasks.map((task) => ({
      task_id: task.id,
      status: task.status.toUpperCase(),
      assigned_worker: task.worker,
      topic: topicOf(task.type),
      waiting_on: task.waitingOn,
      depends_on: task.after,
      attempts: task.attempts,
      max_attempts: MOST_ATTEMPTS,
      load: loadOf(task),
      name: task.name,
      graph_node_name: task.node,
    })),
  };
}

/** `resources.estimatedLoad`, 1 where the document has none. */
function loadOf({ document }: TaskRecord): number {
  const at = (value: Json | undefined, name: string): Json | undefined =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, Json>>)[name]
      : undefined;
  const load = Number(at(at(document["spec"], "resources"), "estimatedLoad") ?? 1);
  return Number.isFinite(load) ? Math.trunc(load) : 1;
}

/** Whether its retries ran out; one that failed with another never ran. */
export function isDeadLetter({ status, attempts }: TaskRecord): boolean {
  return status === "failed" && attempts >= MOST_ATTEMPTS;
}
