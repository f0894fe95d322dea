import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createMeters } from "../../src/daemon/metrics/meters.ts";
import { metricList } from "../../src/daemon/metrics/metric-list.ts";
import { metricsPage } from "../../src/daemon/metrics/metrics-page.ts";
import { alertExpressions, dashboardExpressions, flawsOf, grafanaDir } from "./expressions.ts";
import { hasPrometheus, promtool } from "./promtool.ts";

const page = readFileSync("docs/metrics.md", "utf8");

it("docs/metrics.md is as npm run generate would write it", () => {
  expect(page).toBe(metricsPage(readFileSync(join(grafanaDir, "prometheus.yml"), "utf8")));
});

it("every metric has a line of its own there, and a name by the rules of Prometheus", () => {
  const specs = Object.values(metricList);
  expect(Object.keys(createMeters())).toHaveLength(specs.length);
  expect(new Set(specs.map(({ name }) => name)).size).toBe(specs.length);
  for (const { name, type, labels } of specs) {
    expect(page.split(`| \`${name}\` |`).length, name).toBe(2);
    expect(name).toMatch(/^orch_[a-z0-9]+(_[a-z0-9]+)*$/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(name, "milliseconds, percent and MiB are no base units").not.toMatch(
      /_(ms|millis\w*|percent\w*|mib|mb)(_|$)/,
    );
    for (const label of labels)
      expect(["job", "user", "lane", "worker", "key", "path", "le"]).not.toContain(label);
  }
});

it("every expression of the dashboards and alerts names what is exported", () => {
  const all = [...dashboardExpressions(), ...alertExpressions()];
  expect(all.length).toBeGreaterThan(80);
  expect(all.flatMap((each) => flawsOf(each).map((flaw) => `${each.where}: ${flaw}`))).toEqual([]);
});

it("a metric that is misspelt, gone, or has no such label is found", () => {
  const flaws = (text: string) => flawsOf({ where: "here", text });
  expect(flaws("rate(orch_job_total[5m])")).toEqual(["orch_job_total is not exported"]);
  expect(flaws("rate(orch_job_run_seconds[5m])")).toEqual(["orch_job_run_seconds is not exported"]);
  expect(flaws('sum by (user) (orch_jobs{state="held"})')).toEqual(["there is no label user"]);
  expect(flaws('orch_jobs{status="held"}')).toEqual(["there is no label status"]);
  expect(flaws("vector(1)")).toEqual(["it names no metric"]);
});

it("every metric but a few is on a dashboard or in an alert", () => {
  const text = [...dashboardExpressions(), ...alertExpressions()].map((each) => each.text).join("\n");
  const unused = Object.values(metricList).filter(({ name }) => !new RegExp(`\\b${name}(_|\\b)`).test(text));
  expect(unused.map(({ name }) => name)).toEqual([
    "orch_jobs_submitted_total",
    "orch_gpu_info",
    "orch_gpu_memory_used_bytes",
  ]);
});

it("dashboards have places of their own for their panels, and provisioning finds them", () => {
  for (const file of readdirSync(join(grafanaDir, "dashboards"))) {
    const board = JSON.parse(readFileSync(join(grafanaDir, "dashboards", file), "utf8")) as {
      uid: string;
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size, `${file}: panels lie on each other`).toBe(cells.length);
    expect(Math.max(...board.panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
  }
  const compose = readFileSync(join(grafanaDir, "docker-compose.yml"), "utf8");
  const provider = readFileSync(join(grafanaDir, "provisioning/dashboards/orch.yml"), "utf8");
  const place = /path: (\S+)/.exec(provider)?.[1];
  expect(compose).toContain(`./dashboards:${place}:ro`);
  const mounted = [...compose.matchAll(/- \.\/([\w./-]+):/g)].map(([, file = ""]) => file);
  expect(mounted).toHaveLength(5);
  expect(mounted.filter((file) => !existsSync(join(grafanaDir, file)))).toEqual(["orch-key"]);
});

it.skipIf(!hasPrometheus)("every alert fires on its series and on no others (prometheus)", () => {
  const story = readFileSync(join(grafanaDir, "orch-alerts.test.yml"), "utf8");
  for (const { where } of alertExpressions()) expect(story).toContain(`alertname="${where}"`);
  expect(promtool(["check", "rules", "orch-alerts.yml"], { cwd: grafanaDir }).code).toBe(0);
  expect(promtool(["test", "rules", "orch-alerts.test.yml"], { cwd: grafanaDir })).toMatchObject({ code: 0 });
  const dir = mkdtempSync(join(tmpdir(), "orch-alerts-"));
  try {
    cpSync(join(grafanaDir, "orch-alerts.test.yml"), join(dir, "orch-alerts.test.yml"));
    const rules = readFileSync(join(grafanaDir, "orch-alerts.yml"), "utf8");
    const never = rules.replace('state="lost"} == 1', 'state="lost"} == 2');
    const always = rules.replace("orch_store_wal_bytes > 64", "orch_store_wal_bytes > 0 * 64");
    for (const broken of [never, always]) {
      expect(broken).not.toBe(rules);
      writeFileSync(join(dir, "orch-alerts.yml"), broken);
      expect(promtool(["test", "rules", "orch-alerts.test.yml"], { cwd: dir }).code).not.toBe(0);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
