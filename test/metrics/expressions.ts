import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { metricList } from "../../src/daemon/metrics/metric-list.ts";

/** The folder that Prometheus and Grafana are given. */
export const grafanaDir = join(import.meta.dirname, "../../examples/grafana");

/** An expression of PromQL, and where it stands. */
export interface Expression {
  readonly where: string;
  readonly text: string;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

/** Every expression of the dashboards. */
export function dashboardExpressions(): Expression[] {
  const files = readdirSync(join(grafanaDir, "dashboards"));
  return files.flatMap((file) => {
    const board = JSON.parse(readFileSync(join(grafanaDir, "dashboards", file), "utf8")) as Dashboard;
    const inPanels = board.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ where: `${file}, ${title}`, text: expr })),
    );
    const variables = board.templating.list.flatMap(({ name, definition }) =>
      definition === undefined ? [] : [{ where: `${file}, variable ${name}`, text: definition }],
    );
    return [...inPanels, ...variables];
  });
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

/** Every expression of the alert rules, by the name of its alert. */
export function alertExpressions(): Expression[] {
  const { groups } = parse(readFileSync(join(grafanaDir, "orch-alerts.yml"), "utf8")) as Rules;
  return groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ where: alert, text: expr })));
}

/** The labels of each series that is exported, by its name. */
function exportedSeries(): Map<string, ReadonlySet<string>> {
  const series = new Map<string, ReadonlySet<string>>();
  for (const { name, type, labels } of Object.values(metricList)) {
    // Prometheus adds where it scraped.
    const all = [...labels, "instance", "job"];
    if (type !== "histogram") series.set(name, new Set(all));
    else
      for (const suffix of ["_bucket", "_sum", "_count"])
        series.set(`${name}${suffix}`, new Set(suffix === "_bucket" ? [...all, "le"] : all));
  }
  return series.set("up", new Set(["instance", "job"]));
}

/** What is wrong with an expression: names that are not exported, labels that its metrics do not have; none at all. */
export function flawsOf({ text }: Expression): string[] {
  const known = exportedSeries();
  // Where label names stand: {…} and by (…).
  const bare = text
    .replace(/"[^"]*"/g, '""')
    .replace(/\{[^}]*\}|(by|ignoring) \([^)]*\)|label_values\(/g, " ");
  const named = [...bare.matchAll(/[a-zA-Z_:][\w:]*/g)].map(([name]) => name);
  const metrics = named.filter((name) => name.startsWith("orch") || name === "up");
  const flaws = metrics.filter((name) => !known.has(name)).map((name) => `${name} is not exported`);
  if (metrics.length === 0) flaws.push("it names no metric");
  const labels = new Set(metrics.flatMap((name) => [...(known.get(name) ?? [])]));
  const selectors = [...text.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = ""]) =>
    [...inside.replace(/"[^"]*"/g, '""').matchAll(/(\w+)(?==)/g)].map(([label]) => label),
  );
  const grouped = [...text.matchAll(/by \(([^)]*)\)/g)].flatMap(([, inside = ""]) => inside.split(/, */));
  for (const label of [...selectors, ...grouped])
    if (!labels.has(label)) flaws.push(`there is no label ${label}`);
  return flaws;
}
