import { Histogram, Values, writeMetrics } from "../../../std/metric-families.ts";
import type { Loads } from "./loads.ts";
import { type Node, nodes } from "./routed-book.ts";

/** What is counted of routed tasks since the daemon started. */
export interface RouterMetrics {
  count(task: {
    readonly node: Node;
    readonly status: string;
    readonly seconds: number;
    readonly cost: number;
  }): void;
  /** In the text format of Prometheus. */
  text(): string;
}

/** Made anew: nothing is counted yet. */
export function createRouterMetrics(loads: Loads): RouterMetrics {
  const tasks = new Values({
    ...{ name: "orchestrator_tasks_total", type: "counter", help: "Tasks by node and how they ended" },
    labels: ["node", "status"],
  });
  const durations = new Histogram({
    ...{ name: "orchestrator_task_duration_seconds", type: "histogram", help: "How long tasks took" },
    ...{ labels: ["node"], buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30] },
  });
  const costs = new Histogram({
    ...{ name: "orchestrator_task_cost_dollars", type: "histogram", help: "What tasks cost" },
    ...{ labels: ["node"], buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] },
  });
  const load = new Values({
    ...{ name: "orchestrator_node_load_percent", type: "gauge", help: "Load of each node" },
    labels: ["node"],
  });
  return {
    text() {
      for (const node of nodes) load.set(loads.load(node), node);
      return writeMetrics([tasks, durations, costs, load], "prometheus");
    },
    count({ node, status, seconds, cost }) {
      tasks.add(1, node, status);
      durations.observe(seconds, node);
      costs.observe(cost, node);
    },
  };
}
