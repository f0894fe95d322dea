import type { Caller } from "../../../protocol/operation.ts";
import type { GatewayPort } from "../../port.ts";
import { categoryOf } from "./record.ts";
import type { WorkerDesk } from "./workers.ts";

type Counts = ReturnType<GatewayPort["tasks"]["counts"]>;

const MOST_COMPLETED = 100;

/** What `GET /metrics` answers: all of it counted from the tasks and workers on record. */
export async function metricsOf(port: GatewayPort, workers: WorkerDesk, caller: Caller) {
  const counts = port.tasks.counts(caller);
  const live = await workers.list(caller);
  const of = (state: string): number =>
    sum(
      counts.filter((each) => each.state === state),
      ({ tasks }) => tasks,
    );
  const registered = Math.max(live.length, workers.seen());
  const completed = await port.tasks.list(caller, MOST_COMPLETED, "done");
  return {
    generated_at: new Date(port.clock.nowMs()).toISOString(),
    counters: {
      tasks_submitted: sum(counts, ({ tasks }) => tasks),
      tasks_succeeded: of("done"),
      tasks_failed: of("failed"),
      tasks_requeued: sum(counts, ({ requeued }) => requeued),
      workers_registered: registered,
      workers_unregistered: registered - live.length,
      worker_heartbeats: 0,
    },
    task_timings: {
      overall: timing(counts),
      inference: timing(counts.filter(({ type }) => categoryOf(type) === "inference")),
      training: timing(counts.filter(({ type }) => categoryOf(type) === "training")),
      other: timing(counts.filter(({ type }) => categoryOf(type) === "other")),
    },
    workers: live,
    active_workers_count: live.length,
    elastic_disabled_workers: live.filter((each) => each.elastic_disabled).map(({ worker_id: id }) => id),
    completed_tasks: completed.map((task) => ({
      task_id: task.id,
      task_type: task.type,
      assigned_worker: task.worker,
      duration_sec: ((task.finishedAtMs ?? 0) - (task.startedAtMs ?? task.finishedAtMs ?? 0)) / 1000,
    })),
  };
}

function timing(counts: Counts) {
  const over = counts.filter(({ mostSeconds }) => mostSeconds !== null);
  const count = sum(over, ({ tasks }) => tasks);
  const total = sum(over, ({ seconds }) => seconds);
  return {
    count,
    total_sec: total,
    avg_sec: count === 0 ? 0 : total / count,
    min_sec: count === 0 ? 0 : Math.min(...over.map(({ leastSeconds }) => leastSeconds ?? 0)),
    max_sec: count === 0 ? 0 : Math.max(...over.map(({ mostSeconds }) => mostSeconds ?? 0)),
  };
}

function sum(counts: Counts, of: (count: Counts[number]) => number): number {
  return counts.reduce((total, each) => total + of(each), 0);
}
