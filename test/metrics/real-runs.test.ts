import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metricList } from "../../src/daemon/metrics/metric-list.ts";
import type { JobView } from "../../src/protocol/views.ts";
import { ask } from "../gateway/door.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";
import { hasPrometheus, promtool } from "./promtool.ts";
import { type Metrics, readMetrics } from "./read-text.ts";

let host: Host;
let url: string;
let key: string;
/** Finished jobs of the runtimes. */
let jobs: JobView[];

const submit = async (runtime: string, params: Record<string, string | boolean> = {}): Promise<number> =>
  (await host.client.call("POST /jobs", { runtime, params: { text: "hello", ...params } })).id;

const scrape = async (accept = "text/plain"): Promise<string> =>
  (await ask(url, { path: "/metrics", key, headers: { accept } })).text;

const metrics = async (): Promise<Metrics> => readMetrics(await scrape());

beforeAll(async () => {
  host = await startHost({ config: "gateway:\n  listen: 127.0.0.1:0\nmetrics: { dcgm: true }\n" });
  for (const name of ["one", "two"]) addEchoRuntime(host, name);
  key = (await host.cli("keys", "add", "--name", "prometheus", "--scope", "read", "-q")).stdout.trim();
  url = await until(
    "the gateway listens",
    async () => (await host.client.call("GET /keys", {})).gateway?.url ?? null,
  );
  for (const [runtime, params, state] of [
    ["one", {}, "succeeded"],
    ["one", { fail: true }, "failed"],
    ["two", {}, "succeeded"],
    ["one", {}, "succeeded"],
  ] as const)
    await host.until(await submit(runtime, params), state);
  jobs = (await host.client.call("GET /jobs", {})).jobs;
});
afterAll(() => host[Symbol.asyncDispose]());

const seconds = (later: string | null, earlier: string | null): number =>
  (Date.parse(later ?? "") - Date.parse(earlier ?? "")) / 1_000;
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

describe("what jobs and workers did", () => {
  it("is what the store says", async () => {
    const { sum } = await metrics();
    for (const runtime of ["one", "two"]) {
      const own = jobs.filter((job) => job.runtime === runtime);
      expect(sum("orch_jobs_submitted_total", { runtime })).toBe(own.length);
      for (const result of ["succeeded", "failed"] as const)
        expect(sum("orch_jobs_finished_total", { runtime, result })).toBe(
          own.filter(({ state }) => state === result).length,
        );
      const waits = own.map((job) => seconds(job.startedAt, job.submittedAt));
      const runs = own.map((job) => seconds(job.finishedAt, job.startedAt));
      expect(sum("orch_job_queue_wait_seconds_sum", { runtime })).toBeCloseTo(total(waits), 6);
      expect(sum("orch_job_run_seconds_sum", { runtime })).toBeCloseTo(total(runs), 6);
      expect(sum("orch_job_run_seconds_count", { runtime })).toBe(own.length);
    }
    expect(sum("orch_queue_depth")).toBe(0);
  });

  it("three switches, with the time that each part took", async () => {
    const { sum } = await metrics();
    expect(sum("orch_switches_total", { runtime: "one", kind: "start", reason: "demand" })).toBe(2);
    expect(sum("orch_switches_total", { runtime: "two" })).toBe(1);
    expect(sum("orch_evictions_total", { kind: "stop", reason: "evicted" })).toBe(2);
    const events: { readonly type: string; readonly at: string }[] = [];
    for await (const event of host.client.stream("GET /events", { limit: 1_000 })) events.push(event);
    const times = (type: string) =>
      total(events.filter((event) => event.type === type).map(({ at }) => Date.parse(at)));
    const coming = ["vram-wait", "start", "load"].map(
      (phase) => sum("orch_switch_phase_seconds_sum", { phase, reason: "demand" }) ?? 0,
    );
    expect(total(coming)).toBeCloseTo((times("worker-ready") - times("worker-starting")) / 1_000, 6);
    for (const type of ["worker-ready", "job-submitted", "lease-granted"])
      expect(sum("orch_events_total", { type })).toBe(events.filter((event) => event.type === type).length);
  });

  it("a start that fails, a preemption and a held job show", async () => {
    await host.until(await submit("two", { voice: "broken" }), "failed");
    const low = await host.sh("trap 'exit 1' TERM; sleep 60 & wait", {
      gpus: 1,
      options: { preemptible: true },
    });
    await host.until(low.id, "running");
    const running = await metrics();
    expect(running.sum("orch_start_failures_total", { runtime: "two" })).toBe(3);
    expect(running.sum("orch_jobs", { runtime: "run", state: "running" })).toBe(1);
    expect(running.sum("orch_leases", { mode: "exclusive" })).toBe(1);
    expect(running.sum("orch_gpu_memory_reserved_bytes")).toBe(24 * 2 ** 30);
    const high = await host.sh("true", { gpus: 1, options: { priority: "high" } });
    await host.until(high.id, "succeeded");
    await host.client.call("POST /jobs/:job/cancel", { job: low.id });
    await host.until(low.id, "cancelled");
    const held = await host.sh("true", { options: { hold: true } });
    const after = await metrics();
    expect(after.sum("orch_job_preemptions_total", { runtime: "run" })).toBe(1);
    expect(after.sum("orch_jobs", { state: "held" })).toBe(1);
    expect(after.sum("orch_jobs_finished_total", { runtime: "run", result: "cancelled" })).toBe(1);
    await host.client.call("POST /jobs/:job/cancel", { job: held.id });
  }, 60_000);
});

describe("what was asked over TCP", () => {
  it("is counted by surface, route and class, with times and bytes", async () => {
    const before = await metrics();
    for (let each = 0; each < 3; each += 1) await ask(url, { key });
    await ask(url, { path: "/api/v1/jobs/999", key });
    await ask(url, { path: "/api/v1/jobs" });
    const { sum } = await metrics();
    const list = { surface: "api", route: "GET /jobs" };
    expect(sum("orch_gateway_requests_total", { ...list, code: "2xx" })).toBe(3);
    expect(sum("orch_gateway_requests_total", { route: "GET /jobs/:job", code: "4xx" })).toBe(1);
    expect(sum("orch_gateway_requests_total", { surface: "api", route: "none", code: "4xx" })).toBe(1);
    expect(sum("orch_gateway_request_seconds_count", list)).toBe(3);
    const whole = sum("orch_gateway_request_seconds_sum", list) ?? 0;
    expect(sum("orch_gateway_first_byte_seconds_sum", list)).toBeGreaterThan(0);
    expect(sum("orch_gateway_first_byte_seconds_sum", list)).toBeLessThanOrEqual(whole);
    const grown = (name: string) =>
      (sum(name, { surface: "api" }) ?? 0) - (before.sum(name, { surface: "api" }) ?? 0);
    const { socketBytes } = await bytesOfOne();
    expect(grown("orch_gateway_sent_bytes_total")).toBeGreaterThan(3 * socketBytes);
    expect(grown("orch_gateway_received_bytes_total")).toBeGreaterThan(5 * 100);
    // The one that asks is under way itself.
    expect(sum("orch_gateway_requests_in_flight")).toBe(1);
    expect(sum("orch_api_keys")).toBe(1);
  });

  /** Of an answer to the list of jobs, without its head. */
  async function bytesOfOne(): Promise<{ socketBytes: number }> {
    return { socketBytes: Buffer.byteLength((await ask(url, { key })).text) };
  }

  it("needs a key that may read, and a GET", async () => {
    expect((await ask(url, { path: "/metrics" })).json).toMatchObject({ code: "key/refused" });
    const posted = await ask(url, { method: "POST", path: "/metrics", key });
    expect(posted).toMatchObject({ status: 404, json: { code: "request/unknown-route" } });
    const other = await host.cli("keys", "add", "--name", "runs", "--scope", "run", "-q");
    const refused = await ask(url, { path: "/metrics", key: other.stdout.trim() });
    expect(refused).toMatchObject({ status: 403, json: { code: "permission/denied" } });
  });
});

describe("the daemon itself", () => {
  it("tells how its steps, commits and turns are", async () => {
    const { sum } = await metrics();
    for (const name of [
      "orch_scheduler_decision",
      "orch_scheduler_step",
      "orch_store_commit",
      "orch_event_loop_delay",
    ])
      expect(sum(`${name}_seconds_count`), name).toBeGreaterThan(10);
    // A step is a decision, a commit and what follows.
    expect(sum("orch_scheduler_step_seconds_sum")).toBeGreaterThan(
      sum("orch_scheduler_decision_seconds_sum") ?? 0,
    );
    expect(sum("orch_resident_memory_bytes")).toBeGreaterThan(2e7);
    expect(sum("orch_state_disk_free_bytes")).toBeGreaterThan(0);
    expect(sum("orch_store_wal_bytes")).toBeGreaterThan(0);
    expect(sum("orch_build_info")).toBe(1);
    // A busy machine makes some of them late.
    await until(
      "a scrape took less than 50 ms",
      async () => ((await metrics()).sum("orch_scrape_seconds") ?? 1) < 0.05,
    );
  });

  it("has a series of every metric but for what virtual GPUs do not tell, or what has not happened", async () => {
    const text = await scrape();
    const { series } = readMetrics(text);
    const names = new Set([...series.keys()].map((key) => key.replace(/(_bucket|_count|_sum)?(\{.*)?$/, "")));
    const missing = Object.values(metricList)
      .map(({ name }) => name)
      .filter((name) => !names.has(name));
    const sensors = ["utilization_ratio", "temperature_celsius", "power_watts", "energy_joules_total"];
    const virtual = sensors.map((name) => `orch_gpu_${name}`);
    const notYet = [
      "orch_eta_error_seconds",
      "orch_jobs_waiting",
      "orch_job_retries_total",
      "orch_logs_bytes",
    ];
    const may = new Set([...virtual, ...notYet, "orch_vram_estimate_ratio"]);
    expect(missing.filter((name) => !may.has(name))).toEqual([]);
    expect(missing).toEqual(expect.arrayContaining(virtual));
  });

  it("says the same on its socket", async () => {
    const own = await host.cli("metrics");
    expect(own.code).toBe(0);
    expect([...readMetrics(own.stdout).families]).toEqual([...(await metrics()).families]);
    const open = await host.cli("metrics", "--openmetrics");
    expect(open.stdout.trimEnd().split("\n").at(-1)).toBe("# EOF");
    const json = JSON.parse((await host.cli("metrics", "--json")).stdout) as { contentType: string };
    expect(json.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  });

  it.skipIf(!hasPrometheus)("names and types pass promtool's check (prometheus)", async () => {
    const text = await scrape();
    const ours = text.split("\n").filter((line) => !line.includes("DCGM_"));
    expect(promtool(["check", "metrics"], { input: `${ours.join("\n")}` })).toEqual({ code: 0, text: "" });
    // Of NVIDIA's own names it dislikes one: a counter without _total.
    expect(promtool(["check", "metrics"], { input: text }).text).not.toContain("error while linting");
    const planted = "# HELP orch_jobs_count Jobs\n# TYPE orch_jobs_count counter\norch_jobs_count 1\n";
    expect(promtool(["check", "metrics"], { input: planted }).code).not.toBe(0);
  });
});
