import type { MetricSpec } from "../../std/metric-families.ts";
import { dcgmList } from "./dcgm-list.ts";
import { metricList } from "./metric-list.ts";

const head = `# Metrics
What the daemon says of itself in numbers, for Prometheus, Grafana and whatever reads the same. The tables are made of the sources
(\`npm run generate\`).

    orch metrics                                       # the text itself, over the daemon's socket
    curl -H "Authorization: Bearer $KEY" http://127.0.0.1:7707/metrics

Over TCP they are at \`/metrics\` of the gateway ([gateway.md](gateway.md)), for keys of the scope \`read\`: \`orch keys add --name
prometheus --scope read -q > orch-key\`. Whoever accepts OpenMetrics gets that, others the text format 0.0.4. This is all that Prometheus
needs:

`;

const usage = `
\`examples/grafana\` has this file, alert rules, dashboards and a compose file that starts Prometheus and Grafana with them:

    cd examples/grafana && orch keys add --name prometheus --scope read -q > orch-key && docker compose up

- Counters and histograms begin at zero with the daemon; \`rate()\` and \`increase()\` know that. Gauges are read from the
  scheduler's state for each scrape, which costs by lanes and GPUs, not by jobs.
- No label is the id of a job, the name of a user or anything else without bound. \`runtime\` is the name of a runtime, or \`run\` for
  commands; after 200 of them it is \`other\`.
- A figure that the driver does not tell has no series, and neither has what was read before it fell silent
  (\`orch_gpu_sample_age_seconds\`).
- What a switch was in the middle of when the daemon began is not timed; runs are, from their own start.
- They are of the whole daemon, whoever asks: a key of the scope \`read\` sees how many jobs of each runtime others have.

## NVIDIA's names

\`\`\`yaml
metrics:
  dcgm: true                            # the GPUs by the names of dcgm-exporter, too: its dashboards work
  dcgmJobMappingDir: /run/orch-jobs     # for dcgm-exporter --hpc-job-mapping-dir: its metrics get the label hpc_job
\`\`\`

In the folder there is a file for each GPU that jobs use, named by its index, or by that of the board and the number of the
instance (MIG: \`0.7\`), with one job id a line. The daemon rewrites them as jobs start and end, corrects what an earlier one left, and
removes them when it stops.
`;

/** The page docs/metrics.md. @param scrapeConfig the example for Prometheus, as YAML */
export function metricsPage(scrapeConfig: string): string {
  return [
    head,
    `\`\`\`yaml\n${scrapeConfig.trim()}\n\`\`\`\n`,
    usage,
    "\n## All metrics\n\n",
    table(Object.values(metricList)),
    "\nWith `metrics: { dcgm: true }`:\n\n",
    table(Object.values(dcgmList)),
  ].join("");
}

function table(specs: readonly MetricSpec[]): string {
  const rows = specs.map(({ name, type, labels, help }) => {
    const shown = labels.length === 0 ? "" : labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
  });
  return ["| metric | type | labels | what |", "|---|---|---|---|", ...rows, ""].join("\n");
}
