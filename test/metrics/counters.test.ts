import { expect, test } from "vitest";
import { JobCounter } from "../../src/daemon/metrics/count-jobs.ts";
import { createRequestMeter } from "../../src/daemon/metrics/count-requests.ts";
import { WorkerCounter } from "../../src/daemon/metrics/count-workers.ts";
import { boundedLabel } from "../../src/daemon/metrics/label-values.ts";
import { clearGauges, createMeters } from "../../src/daemon/metrics/meters.ts";
import { readLanes } from "../../src/daemon/metrics/read-lanes.ts";
import type { Step } from "../../src/scheduler/step.ts";
import { newJob } from "../../src/sim/users.ts";
import { writeMetrics } from "../../src/std/metric-families.ts";
import { Bench, GIB, model, type Untimed } from "../kit/scheduler.ts";
import { type Metrics, readMetrics } from "./read-text.ts";

/** The real scheduler, with everything counted that its steps change. */
class CountedBench extends Bench {
  private readonly meters = createMeters();
  private readonly labelOf = boundedLabel(200);
  readonly jobCounter = new JobCounter(this.meters, () => this.state, this.labelOf);
  readonly workerCounter = new WorkerCounter(this.meters, () => this.state, this.labelOf);

  override send(...events: readonly Untimed[]): Step {
    const made = super.send(...events);
    // The first steps come before there is anything that counts.
    this.jobCounter?.note(made.changes);
    this.workerCounter?.note(made.changes);
    return made;
  }

  read(): Metrics {
    clearGauges(this.meters);
    readLanes(this.meters, this.state, { nowMs: this.nowMs, labelOf: this.labelOf });
    return readMetrics(writeMetrics(Object.values(this.meters), "prometheus"));
  }

  later(ms: number): void {
    this.nowMs += ms;
  }
}

test("a switch is counted with each of its parts and why it happened", () => {
  const bench = new CountedBench({ policy: { quantumFactor: 1 } });
  const first = bench.submit(model("first"));
  bench.later(500);
  bench.send({ type: "worker-step", workerId: 1, step: "spawn" });
  bench.later(200);
  bench.send({ type: "worker-spawned", workerId: 1, identity: null });
  bench.later(3_000);
  bench.send({ type: "worker-ready", workerId: 1, endpoint: null });
  bench.later(60_000);
  const second = bench.submit(model("second"));
  bench.later(2_000);
  bench.end(first);
  bench.later(1_000);
  bench.workerCounter.noteMemory(new Map([[1, new Map([["GPU-0", 12 * GIB]])]]));
  bench.exit(1);
  bench.later(400);
  bench.ready(2);
  bench.later(100);
  bench.end(second, "failed");
  const { sum } = bench.read();
  const part = (phase: string, reason: string) =>
    sum("orch_switch_phase_seconds_sum", { phase, reason }) ?? Number.NaN;
  expect(part("vram-wait", "demand")).toBeCloseTo(0.5 + 0.4);
  expect(part("start", "demand")).toBeCloseTo(0.2);
  expect(part("load", "demand")).toBeCloseTo(3);
  expect(part("stop", "evicted")).toBeCloseTo(1);
  expect(sum("orch_switches_total", { runtime: "first", kind: "start", reason: "demand" })).toBe(1);
  expect(sum("orch_switches_total")).toBe(2);
  expect(sum("orch_evictions_total", { kind: "stop", reason: "evicted" })).toBe(1);
  expect(sum("orch_job_queue_wait_seconds_sum", { runtime: "first" })).toBeCloseTo(3.7);
  expect(sum("orch_job_run_seconds_sum", { runtime: "first" })).toBeCloseTo(62);
  expect(sum("orch_jobs_finished_total", { runtime: "first", result: "succeeded" })).toBe(1);
  expect(sum("orch_jobs_finished_total", { runtime: "second", result: "failed" })).toBe(1);
  expect(sum("orch_vram_estimate_ratio_sum", { runtime: "first" })).toBeCloseTo(0.5);
  bench.pass(2 * 3_600_000);
  bench.later(1_000);
  bench.exit(2);
  const after = bench.read();
  expect(after.sum("orch_switch_phase_seconds_sum", { phase: "stop", reason: "idle" })).toBeCloseTo(1);
  expect(after.sum("orch_evictions_total"), "nobody needed its room").toBe(1);
});

test("workers that fail to start, or crash, are told apart; their jobs run again", () => {
  const bench = new CountedBench();
  const job = bench.submit(model("shaky"), { retries: 3 });
  bench.exit(1);
  bench.pass(60_000);
  bench.ready(2);
  bench.later(1_000);
  bench.exit(2);
  bench.pass(60_000);
  const { sum } = bench.read();
  expect(sum("orch_start_failures_total", { runtime: "shaky" })).toBe(1);
  expect(sum("orch_worker_crashes_total", { runtime: "shaky" })).toBe(1);
  expect(sum("orch_job_run_seconds_count")).toBe(1);
  bench.ready(3);
  bench.end(job);
  const after = bench.read();
  expect(after.sum("orch_job_retries_total", { runtime: "shaky" })).toBe(1);
  expect(after.sum("orch_job_queue_wait_seconds_count")).toBe(1);
  expect(after.sum("orch_jobs_submitted_total")).toBe(1);
});

test("runs are compared with what was expected of them, once something is known", () => {
  const bench = new CountedBench();
  for (const ms of [1_000, 3_000]) {
    const job = bench.submit(model("steady"));
    if (bench.worker(1).phase.state !== "ready") bench.ready(1);
    bench.later(ms);
    bench.end(job);
  }
  const { sum } = bench.read();
  expect(sum("orch_job_run_estimate_ratio_count", { runtime: "steady" })).toBe(1);
  expect(sum("orch_job_run_estimate_ratio_sum", { runtime: "steady" })).toBeCloseTo(3);
});

test("requests are counted apart from jobs, and forgotten with a rebuilt state", () => {
  const bench = new CountedBench();
  const lane = model("chat");
  const [first = 0, , last = 0] = [1, 2, 3].map(() => bench.submit(lane, { isRequest: true }));
  bench.ready(1);
  const { sum } = bench.read();
  expect(sum("orch_jobs_submitted_total", { kind: "request" })).toBe(3);
  expect(sum("orch_jobs_submitted_total", { kind: "job" })).toBe(0);
  expect(bench.jobCounter.requests()).toEqual({ waiting: 2, running: 1 });
  bench.end(first);
  expect(bench.jobCounter.requests()).toEqual({ waiting: 1, running: 1 });
  bench.ask({ type: "cancel", jobId: last });
  expect(bench.jobCounter.requests()).toEqual({ waiting: 0, running: 1 });
  bench.jobCounter.forgetRequests();
  expect(bench.jobCounter.requests()).toEqual({ waiting: 0, running: 0 });
});

test("held, queued and running jobs, and why they wait", () => {
  const bench = new CountedBench();
  const lane = model("busy");
  const [first] = [bench.submit(lane), bench.submit(lane), bench.submit(lane)];
  bench.send({ type: "hold", jobId: (first ?? 0) + 2 });
  bench.ready(1);
  bench.later(6_000);
  const other = bench.submit(model("busy with other params", { runtime: "busy" }));
  bench.later(1_000);
  expect(bench.read().sum("orch_queue_oldest_age_seconds", { runtime: "busy" })).toBe(7);
  bench.ask({ type: "cancel", jobId: other });
  const { sum } = bench.read();
  const count = (state: string) => sum("orch_jobs", { runtime: "busy", state });
  expect([count("running"), count("queued"), count("held")]).toEqual([1, 1, 1]);
  expect(sum("orch_jobs_waiting", { reason: "worker-busy" })).toBe(1);
  expect(sum("orch_leases", { mode: "exclusive" })).toBe(1);
});

test("however many runtimes there are, there are 201 names of them", () => {
  const bench = new CountedBench();
  for (let each = 0; each < 500; each += 1) bench.submit(model(`model-${each}`));
  const names = [...bench.read().series.keys()].flatMap((key) => /runtime="([^"]*)"/.exec(key)?.[1] ?? []);
  expect(new Set(names).size).toBe(201);
  expect(bench.read().sum("orch_jobs_submitted_total")).toBe(500);
  expect(bench.read().sum("orch_jobs_submitted_total", { runtime: "other" })).toBe(300);
});

test("however routes are named, there are 301 of them", () => {
  const meters = createMeters();
  const requests = createRequestMeter(meters);
  const common = { surface: "api", tookMs: 5, firstByteMs: 2, receivedBytes: 100, sentBytes: 200 };
  for (let each = 0; each < 1_000; each += 1) {
    requests.begin();
    requests.end({ ...common, route: `GET /odd/${each}`, status: each % 2 === 0 ? 200 : null });
  }
  const { series, sum } = readMetrics(writeMetrics(Object.values(meters), "prometheus"));
  const routes = [...series.keys()].flatMap((key) => /route="([^"]*)"/.exec(key)?.[1] ?? []);
  expect(new Set(routes).size).toBe(301);
  expect(sum("orch_gateway_requests_total", { code: "none" })).toBe(500);
  expect(sum("orch_gateway_sent_bytes_total")).toBe(200_000);
  expect(sum("orch_gateway_first_byte_seconds_sum")).toBeCloseTo(2);
  expect(requests.inFlight()).toBe(0);
});

test("a scrape costs by lanes and not by jobs: 100,000 that wait take less than 50 ms", () => {
  const bench = new CountedBench();
  const lanes = Array.from({ length: 50 }, (_, index) => model(`model-${index}`));
  const jobs = Array.from({ length: 2_000 }, () => lanes.map((lane) => newJob(lane, {}))).flat();
  bench.send({ type: "submit", jobs });
  bench.later(5_000);
  const tookMs = Array.from({ length: 10 }, () => {
    const beforeMs = performance.now();
    expect(bench.read().sum("orch_queue_oldest_age_seconds", { runtime: "model-7" })).toBe(5);
    return performance.now() - beforeMs;
  });
  expect(bench.read().sum("orch_queue_depth")).toBeGreaterThan(99_000);
  expect(bench.read().sum("orch_jobs_submitted_total", { kind: "job" })).toBe(100_000);
  expect(bench.read().sum("orch_events_total", { type: "job-submitted" })).toBe(100_000);
  expect(Math.min(...tookMs)).toBeLessThan(50);
});
