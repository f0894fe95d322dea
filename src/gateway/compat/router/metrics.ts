import { loadLater } from "../../../std/load-later.ts";
import type { Loads } from "./loads.ts";
import { type Node, nodes } from "./routed-book.ts";

const prom = loadLater<typeof import("prom-client")>("prom-client");

/** What is counted of routed tasks since the daemon started. */
export interface RouterMetrics {
  count(task: {
    readonly node: Node;
    readonly status: string;
    readonly seconds: number;
    readonly cost: number;
  }): void;
  /** In the text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Made anew: nothing is counted yet. */
export function createRouterMetrics(loads: Loads): RouterMetrics {
  const { Counter, Gauge, Histogram, Registry } = prom();
  const registry = new Registry();
  const registers = [registry];
  const tasks = new Counter({
    ...{ name: "orchestrator_tasks_total", help: "Tasks by node and how they ended", registers },
    labelNames: ["node", "status"],
  });
  const durations = new Histogram({
    ...{
      name: "orchestrator_task_duration_seconds",
      help: "How long tasks took",
      registers,
      labelNames: ["node"],
    },
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30],
  });
  const costs = new Histogram({
    ...{ name: "orchestrator_task_cost_dollars", help: "What tasks cost", registers, labelNames: ["node"] },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  });
  const gauge = new Gauge({
    ...{ name: "orchestrator_node_load_percent", help: "Load of each node", registers, labelNames: ["node"] },
    collect() {
      for (const node of nodes) gauge.set({ node }, loads.load(node));
    },
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    count({ node, status, seconds, cost }) {
      tasks.inc({ node, status });
      durations.observe({ node }, seconds);
      costs.observe({ node }, cost);
    },
  };
}
