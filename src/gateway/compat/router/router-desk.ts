import { randomUUID } from "node:crypto";
import type { Caller } from "../../../protocol/operation.ts";
import { toFailure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import type { GatewayPort } from "../../port.ts";
import { createLoads, type Loads } from "./loads.ts";
import { createRouterMetrics, type RouterMetrics } from "./metrics.ts";
import type { RouterOptions } from "./options.ts";
import type { SubmittedTask } from "./read-task.ts";
import { type Node, nodes, type Routed } from "./routed-book.ts";
import { type Choice, createRoutingModel, type RoutingModel } from "./routing-model.ts";
import { type Target, targetOf } from "./targets.ts";

/** The learned router at work. */
export interface RouterDesk {
  /** Chooses a node, has the task done there and learns from it. What goes wrong there is part of the answer. */
  route(task: SubmittedTask, caller: Caller): Promise<Record<string, Json>>;
  readonly loads: Loads;
  readonly metrics: RouterMetrics;
}

/** Dollars for a task of factor 1. */
export const costs: Readonly<Record<Node, number>> = { EDGE: 0.01, CLOUD: 0.025, GPU: 0.05 };

const factors: Readonly<Record<string, number>> = {
  fraud_detection: 1.5,
  sensor_alert: 0.8,
  image_classification: 2,
  ml_training: 4,
  daily_report: 0.5,
};

/** How nodes describe themselves. */
const about: Readonly<Record<Node, Readonly<Record<string, string>>>> = {
  EDGE: { node_type: "edge", latency: "low", compute: "cpu", location: "on-premise" },
  CLOUD: { node_type: "cloud", latency: "medium", compute: "cpu", location: "cloud" },
  GPU: { node_type: "gpu", latency: "medium", compute: "gpu", location: "on-premise" },
};

/** Tasks that the model learns from again at the start. */
const REMEMBERED = 2_000;

/** What the router has learned is learned anew from its history. */
export function createRouterDesk(port: GatewayPort, options: RouterOptions): RouterDesk {
  const loads = createLoads(port.clock);
  const metrics = createRouterMetrics(loads);
  const targets = Object.fromEntries(nodes.map((node) => [node, targetOf(node, port, options)])) as Record<
    Node,
    Target
  >;
  let model: RoutingModel | null = null;
  const learned = (): RoutingModel => {
    model ??= remember(port);
    return model;
  };
  return {
    loads,
    metrics,
    async route(task, caller) {
      const mine = costsOf(task.type);
      const choice = learned().choose(task, {
        loads: loads.all(),
        networkLatencyMs: loads.networkLatencyMs(),
        costs: mine,
      });
      const id = randomUUID();
      const { node } = choice;
      const explanation = explain(task.type, choice);
      const startMs = port.clock.monotonicMs();
      loads.begin(node);
      const done = await targets[node]
        .execute({ id, task, caller })
        .catch((error: unknown) => toFailure(error));
      const tookMs = port.clock.monotonicMs() - startMs;
      const isDone = !(done instanceof Error);
      const seconds = round((isDone ? done.seconds : null) ?? tookMs / 1000);
      loads.end(node, tookMs, targets[node].isElsewhere && isDone ? tookMs - seconds * 1000 : 0);
      const cost = round(mine[node]);
      const status = isDone ? "success" : "error";
      const routed: Routed = {
        ...{ id, uid: caller.uid, type: task.type, priority: task.priority, latency: task.latency },
        ...{ costSensitivity: task.costSensitivity, requiresGpu: task.requiresGpu, node },
        ...{ confidence: choice.confidence, seconds, cost, succeeded: isDone, explanation },
        ...{ features: choice.features, atMs: port.clock.nowMs() },
      };
      learned().learn({ node, features: choice.features, seconds, succeeded: isDone });
      metrics.count({ node, status, seconds, cost });
      await port.routed.note(routed);
      return {
        ...{ task_id: id, chosen_node: node, confidence: choice.confidence, explanation },
        ...{ execution_time: seconds, cost, status },
        node_response: {
          ...{ status, node, task_id: id, task_type: task.type, execution_time: seconds, cost },
          message: isDone ? done.message : `Task failed on ${node}`,
          ...(isDone ? { result: done.result } : { error: done.sentence }),
          metadata: { ...about[node] },
        },
      };
    },
  };
}

function remember(port: GatewayPort): RoutingModel {
  const model = createRoutingModel();
  const past = port.routed.list({ limit: REMEMBERED, node: null, uid: null });
  for (const task of past.reverse()) model.learn(task);
  return model;
}

function costsOf(type: string): Record<Node, number> {
  const factor = Object.hasOwn(factors, type) ? (factors[type] ?? 1) : 1;
  return { EDGE: costs.EDGE * factor, CLOUD: costs.CLOUD * factor, GPU: costs.GPU * factor };
}

function explain(type: string, { node, confidence, reasons }: Choice): string {
  return `Routing '${type}' to ${node} node (confidence: ${(confidence * 100).toFixed(1)}%). ${reasons.join(" | ")}`;
}

/** Microseconds, and fractions of a cent. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
