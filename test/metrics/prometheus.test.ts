import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runDetached, untilOver, useOrch } from "../e2e/session.ts";
import { makeKey, urlOf, writeConfig } from "../gateway/door.ts";
import { blocksIn } from "../kit/document-blocks.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { alertExpressions, dashboardExpressions, grafanaDir } from "./expressions.ts";
import { hasPrometheus } from "./promtool.ts";

const createHome = useOrch();

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: unknown;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

describe.skipIf(!hasPrometheus)("a real Prometheus with the config of docs/metrics.md (prometheus)", () => {
  let home: OrchHome;
  let prometheus: ChildProcess;
  let at: string;

  const api = async (path: string): Promise<Answer> =>
    (await (await fetch(`${at}/api/v1/${path}`)).json()) as Answer;

  /** The value of the only series that it gives; null = none. */
  const query = async (expression: string): Promise<number | null> => {
    const { data } = await api(`query?query=${encodeURIComponent(expression)}`);
    const [first] = (data as { result: { value: [number, string] }[] }).result;
    return first === undefined ? null : Number(first.value[1]);
  };

  beforeAll(async () => {
    home = createHome({ ORCH_GPUS: "virtual:2x1GiB" });
    writeConfig(home);
    await home.daemon();
    const key = await makeKey(home, "prometheus", "--scope", "read");
    const url = await urlOf(home);
    for (const script of ["true", "false"])
      await untilOver(home, await runDetached(home, "--gpus", "1", "--", script));
    const dir = join(home.dir, "prometheus");
    mkdirSync(dir);
    cpSync(join(grafanaDir, "orch-alerts.yml"), join(dir, "orch-alerts.yml"));
    home.write("prometheus/orch-key", `${key}\n`, 0o600);
    const [config = ""] = blocksIn("docs/metrics.md", "yaml");
    const quick = config.replace("15s", "200ms").replace("127.0.0.1:7707", new URL(url).host);
    expect(quick).toContain(`"${new URL(url).host}"`);
    home.write("prometheus/prometheus.yml", quick);
    at = `http://127.0.0.1:${await freePort()}`;
    const args = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"];
    prometheus = spawn("prometheus", [...args, `--web.listen-address=${new URL(at).host}`], {
      cwd: dir,
      stdio: "ignore",
    });
    await until("Prometheus has scraped", async () => {
      try {
        return (await query("up")) === 1;
      } catch {
        return false;
      }
    });
  }, 60_000);
  afterAll(async () => {
    prometheus?.kill("SIGKILL");
    await home?.[Symbol.asyncDispose]();
  });

  it("scrapes with its key, and finds what happened", async () => {
    expect(await query('sum(orch_jobs_submitted_total{runtime="run"})')).toBe(2);
    expect(await query('orch_jobs_finished_total{result="failed", runtime="run"}')).toBe(1);
    expect(await query("count(orch_gpu_state == 1)")).toBe(2);
    const { data } = await api("targets?state=active");
    const [target] = (data as { activeTargets: { health: string; lastError: string }[] }).activeTargets;
    expect(target).toMatchObject({ health: "up", lastError: "" });
  });

  it("asks for OpenMetrics and gets it: its types and helps are known by the names of its families", async () => {
    const { data } = await api("metadata?metric=orch_jobs_submitted");
    expect(data).toMatchObject({ orch_jobs_submitted: [{ type: "counter" }] });
    const requests = 'orch_gateway_requests_total{surface="metrics", code="2xx"}';
    await until("its own scrapes are counted", async () => ((await query(requests)) ?? 0) >= 2);
    expect(await query("scrape_samples_scraped")).toBeLessThan(1_000);
  });

  it("understands every expression of the dashboards and the alerts", async () => {
    const expressions = [...dashboardExpressions(), ...alertExpressions()];
    const asked = expressions.filter(({ text }) => !text.startsWith("label_values"));
    for (const { where, text } of asked) {
      const filled = text.replaceAll("$instance", ".*").replaceAll(/\$__(rate_interval|range)/g, "1m");
      const { status, error } = await api(`query?query=${encodeURIComponent(filled)}`);
      expect({ status, error }, where).toEqual({ status: "success", error: undefined });
    }
    const { data } = await api("rules");
    const rules = (data as { groups: { rules: { name: string; health: string; lastError?: string }[] }[] })
      .groups;
    expect(rules.flatMap((group) => group.rules.map(({ name }) => name))).toEqual(
      alertExpressions().map(({ where }) => where),
    );
  });
});
