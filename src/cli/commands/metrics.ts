import { command } from "../command.ts";

export const metrics = command<{ readonly openmetrics?: boolean }>({
  name: "metrics",
  summary: "Print what the daemon says of itself in numbers, as text for Prometheus",
  examples: [
    "orch metrics",
    "orch metrics | promtool check metrics",
    "orch metrics > /var/lib/node_exporter/orch.prom.new && mv /var/lib/node_exporter/orch.prom.new /var/lib/node_exporter/orch.prom",
  ],
  describe(parser) {
    parser.option("--openmetrics", "in the format OpenMetrics 1.0 instead of Prometheus' own");
  },
  async run({ connect, out }, _args, { openmetrics = false }) {
    const client = await connect();
    const answer = await client.call("GET /metrics", { format: openmetrics ? "openmetrics" : "prometheus" });
    out.result(answer, { text: () => out.print(answer.text.trimEnd()) });
    return 0;
  },
});
