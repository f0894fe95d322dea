import type { Caller } from "../../../protocol/operation.ts";
import type { GatewayPort } from "../../port.ts";
import { readLimit } from "./read-task.ts";
import { nodes } from "./routed-book.ts";
import { costs, type RouterDesk } from "./router-desk.ts";

/** What a page is made from. */
interface Page {
  readonly desk: RouterDesk;
  readonly port: GatewayPort;
  readonly query: string;
  readonly caller: Caller;
}

function uidOf({ isAdmin, uid }: Caller): number | null {
  return isAdmin === true ? null : uid;
}

/** `GET /api/task-history`. @throws Unprocessable */
export function history({ port, query, caller }: Page) {
  const asked = new URLSearchParams(query).get("node");
  const node = asked === null || asked === "" ? null : asked.toUpperCase();
  const tasks = port.routed.list({ limit: readLimit(query), node, uid: uidOf(caller) }).map((task) => ({
    task_id: task.id,
    task_type: task.type,
    priority: task.priority,
    latency_requirement: task.latency,
    requires_gpu: task.requiresGpu,
    chosen_node: task.node,
    confidence: task.confidence,
    execution_time: task.seconds,
    cost: task.cost,
    status: task.succeeded ? "success" : "error",
    explanation: task.explanation,
    timestamp: new Date(task.atMs).toISOString(),
  }));
  return { total: tasks.length, tasks };
}

/** `GET /api/statistics`. */
export function statistics({ port, caller }: Page) {
  const totals = port.routed.totals(uidOf(caller));
  const all = totals.reduce((sum, { tasks }) => sum + tasks, 0);
  const good = totals.reduce((sum, { succeeded }) => sum + succeeded, 0);
  return {
    node_statistics: totals.map(({ node, tasks, seconds, cost }) => ({
      node,
      task_count: tasks,
      avg_execution_time: tasks === 0 ? 0 : seconds / tasks,
      total_cost: Math.round(cost * 1e6) / 1e6,
    })),
    overall: { total_tasks: all, successful_tasks: good, success_rate: all === 0 ? 0 : good / all },
  };
}

function healthOf(load: number): "healthy" | "warning" | "critical" {
  if (load < 60) return "healthy";
  return load < 80 ? "warning" : "critical";
}

/** `GET /api/node-status`. */
export function nodeStatus({ desk: { loads }, port }: Page) {
  const entries = nodes.map((node) => {
    const load = loads.load(node);
    const common = { load, latency: loads.latencyMs(node), cost_per_task: costs[node] };
    return [node, { ...common, health: healthOf(load), active_tasks: loads.active(node) }] as const;
  });
  return { nodes: Object.fromEntries(entries), timestamp: new Date(port.clock.nowMs()).toISOString() };
}

/** `GET /api/system-metrics`. */
export function systemMetrics({ desk: { loads }, port }: Page) {
  return {
    edge_load: loads.load("EDGE"),
    cloud_load: loads.load("CLOUD"),
    gpu_load: loads.load("GPU"),
    network_latency: loads.networkLatencyMs(),
    edge_cost_multiplier: 1,
    cloud_cost_multiplier: 1,
    gpu_cost_multiplier: 1,
    timestamp: new Date(port.clock.nowMs()).toISOString(),
  };
}
