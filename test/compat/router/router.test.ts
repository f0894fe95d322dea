import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addEchoRuntime } from "../../kit/echo-runtime.ts";
import { type Router, startRouter } from "./router-host.ts";

const started: Router[] = [];
afterAll(async () => {
  for (const each of started) await each[Symbol.asyncDispose]();
});

/** As `startRouter`; it ends with the tests. */
async function openRouter(settings?: string): Promise<Router> {
  const one = await startRouter(settings);
  started.push(one);
  return one;
}

let router: Router;
beforeAll(async () => {
  router = await openRouter();
}, 30_000);

describe("the routing", () => {
  it("begins with what users expect of it", async () => {
    const gpu = await router.submit({ taskType: "ml_training", requiresGPU: true, priority: 2 });
    expect(gpu["chosen_node"]).toBe("GPU");
    expect(gpu["confidence"]).toBeGreaterThan(0.9);
    for (const latency of [8, 9, 10]) {
      const edge = await router.submit({
        taskType: "sensor_alert",
        latency,
        cost_sensitivity: 9,
        priority: 2,
      });
      expect(edge["chosen_node"]).toBe("EDGE");
      expect(edge["execution_time"]).toBeLessThan(0.2);
    }
    expect(
      (await router.submit({ taskType: "daily_report", cost_sensitivity: 8, priority: 4 }))["chosen_node"],
    ).toBe("CLOUD");
  });

  it("answers with all that clients read, on one line", async () => {
    const { status, text, json } = await router.ask("/api/submit-task", {
      ...{
        method: "POST",
        body: {
          taskType: "fraud_detection",
          priority: "7",
          latency: 9,
          requiresGPU: "no",
          payload: { a: 1 },
          x: 2,
        },
      },
    });
    expect(status).toBe(200);
    expect(text).toBe(JSON.stringify(json));
    expect(json).toMatchObject({
      ...{ chosen_node: "EDGE", cost: 0.015, status: "success" },
      node_response: {
        ...{
          status: "success",
          node: "EDGE",
          task_id: json["task_id"],
          task_type: "fraud_detection",
          cost: 0.015,
        },
        ...{ execution_time: json["execution_time"], message: "Task completed", result: { echo: { a: 1 } } },
        metadata: { node_type: "edge", latency: "low", compute: "cpu", location: "on-premise" },
      },
    });
    expect(json["explanation"]).toMatch(
      /^Routing 'fraud_detection' to EDGE node \(confidence: \d+\.\d%\)\. [^|]+ \| [^|]+ \| [^|]+$/,
    );
  });

  it("spreads 50 equal tasks", async () => {
    const nodes: unknown[] = [];
    for (let count = 0; count < 50; count += 1)
      nodes.push((await router.submit({ taskType: "equal" }))["chosen_node"]);
    const share = (node: string): number => nodes.filter((each) => each === node).length;
    expect(Math.max(share("EDGE"), share("CLOUD"), share("GPU"))).toBeLessThan(45);
    expect(new Set(nodes).size).toBeGreaterThan(1);
  });

  it.each([
    [{ cost_sensitivity: 0 }],
    [{ cost_sensitivity: null }],
    [{ cost_sensitivity: "3" }],
    [{ requiresGPU: "yes" }],
    [{ requiresGPU: 0, payload: null }],
    [{ priority: 10, latency: 1 }],
  ])("takes %j", async (more) => {
    expect((await router.submit({ taskType: "t", ...more }))["status"]).toBe("success");
  });

  it.each([
    [{}, "missing", ["body", "taskType"]],
    [{ taskType: 5 }, "string_type", ["body", "taskType"]],
    [{ taskType: "t", priority: 0 }, "greater_than_equal", ["body", "priority"]],
    [{ taskType: "t", latency: 11 }, "less_than_equal", ["body", "latency"]],
    [{ taskType: "t", priority: "high" }, "int_parsing", ["body", "priority"]],
    [{ taskType: "t", priority: 1.5 }, "int_from_float", ["body", "priority"]],
    [{ taskType: "t", priority: null }, "int_type", ["body", "priority"]],
    [{ taskType: "t", cost_sensitivity: -1 }, "greater_than_equal", ["body", "cost_sensitivity"]],
    [{ taskType: "t", requiresGPU: "maybe" }, "bool_parsing", ["body", "requiresGPU"]],
    [{ taskType: "t", payload: [1] }, "dict_type", ["body", "payload"]],
    [[1], "model_attributes_type", ["body"]],
    ["{", "json_invalid", ["body", 0]],
    ["", "missing", ["body"]],
  ])("refuses %j with 422 and where it is wrong", async (body, type, loc) => {
    const { status, json } = await router.ask("/api/submit-task", { method: "POST", body });
    expect(status).toBe(422);
    const [first] = json["detail"] as Record<string, unknown>[];
    expect(Object.keys(first ?? {})).toEqual(["type", "loc", "msg", "input"]);
    expect(first).toMatchObject({ type, loc });
  });
});

describe("what the router says", () => {
  it("of past tasks, the newest first", async () => {
    const last = await router.submit({ taskType: "last", latency: 9 });
    const { json } = await router.ask("/api/task-history?limit=5");
    expect(json["total"]).toBe(5);
    const tasks = json["tasks"] as Record<string, unknown>[];
    expect(tasks[0]).toMatchObject({
      ...{
        task_id: last["task_id"],
        task_type: "last",
        priority: 5,
        latency_requirement: 9,
        requires_gpu: false,
      },
      ...{ chosen_node: "EDGE", status: "success", cost: 0.01, explanation: last["explanation"] },
    });
    expect(tasks.flatMap((each) => Object.values(each))).not.toContain(null);
    const gpu = await router.ask("/api/task-history?node=GPU");
    const nodes = (gpu.json["tasks"] as Record<string, unknown>[]).map((each) => each["chosen_node"]);
    expect(new Set(nodes)).toEqual(new Set(["GPU"]));
    expect((await router.ask("/api/task-history?limit=x")).status).toBe(422);
  });

  it("of all of them, of its nodes and of itself", async () => {
    const { node_statistics: each, overall } = (await router.ask("/api/statistics")).json as {
      node_statistics: { node: string; task_count: number; total_cost: number; avg_execution_time: number }[];
      overall: Record<string, number>;
    };
    expect(overall["total_tasks"]).toBe(each.reduce((sum, { task_count: count }) => sum + count, 0));
    expect(overall).toMatchObject({ successful_tasks: overall["total_tasks"], success_rate: 1 });
    expect(Object.keys(each[0] ?? {})).toEqual(["node", "task_count", "avg_execution_time", "total_cost"]);
    const { nodes } = (await router.ask("/api/node-status")).json as {
      nodes: Record<string, Record<string, unknown>>;
    };
    expect(Object.keys(nodes)).toEqual(["EDGE", "CLOUD", "GPU"]);
    expect(nodes["EDGE"]).toMatchObject({ cost_per_task: 0.01, active_tasks: 0 });
    expect(Object.keys(nodes["GPU"] ?? {})).toEqual([
      "load",
      "latency",
      "cost_per_task",
      "health",
      "active_tasks",
    ]);
    expect(Object.keys((await router.ask("/api/system-metrics")).json)).toEqual([
      ...["edge_load", "cloud_load", "gpu_load", "network_latency"],
      ...["edge_cost_multiplier", "cloud_cost_multiplier", "gpu_cost_multiplier", "timestamp"],
    ]);
    expect((await router.ask("/health")).text).toBe('{"status":"healthy"}');
    expect(Object.keys((await router.ask("/")).json)).toEqual(["service", "version", "status", "endpoints"]);
    expect((await router.ask("/api/none")).text).toBe('{"detail":"Not Found"}');
    expect((await router.ask("/api/statistics", { method: "POST" })).status).toBe(405);
  });

  it("in Prometheus's format, with counts that are true", async () => {
    const { overall } = (await router.ask("/api/statistics")).json as { overall: { total_tasks: number } };
    const { text, headers } = await router.ask("/api/metrics");
    expect(headers["content-type"]).toContain("text/plain");
    const sum = (pattern: RegExp): number =>
      [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
    expect(sum(/^orchestrator_tasks_total\{.*\} (\d+)$/gm)).toBe(overall.total_tasks);
    expect(sum(/^orchestrator_task_duration_seconds_count\{.*\} (\d+)$/gm)).toBe(overall.total_tasks);
    expect(sum(/^orchestrator_task_cost_dollars_count\{.*\} (\d+)$/gm)).toBe(overall.total_tasks);
    expect(text).toMatch(/^orchestrator_node_load_percent\{node="EDGE"\} \d/m);
  });

  it("survives a kill of the daemon", async () => {
    const before = (await router.ask("/api/statistics")).json;
    await router.host.kill();
    await router.host.start();
    expect((await router.ask("/api/statistics")).json).toEqual(before);
  });
});

describe("tasks", () => {
  it("run as jobs of the runtime that is set for their type: without a GPU on EDGE, with one on GPU", async () => {
    const own = await openRouter("open: true, runtimes: { speak: echo }");
    addEchoRuntime(own.host, "echo");
    const edge = await own.submit({ taskType: "speak", latency: 10, payload: { text: "hi", other: 1 } });
    expect(edge).toMatchObject({ status: "success", node_response: { result: { text: "hi" } } });
    const gpu = await own.submit({ taskType: "speak", requiresGPU: true, payload: { text: "ho" } });
    expect(gpu).toMatchObject({ chosen_node: "GPU", node_response: { result: { text: "ho" } } });
    const { jobs } = await own.host.client.call("GET /jobs", {});
    expect(jobs.map(({ gpus, labels }) => [gpus.length, labels["node"], labels["compat"]])).toEqual([
      [1, "GPU", "router"],
      [0, "EDGE", "router"],
    ]);
    const bad = await own.submit({ taskType: "speak", latency: 10, payload: { text: "x", fail: true } });
    expect(bad).toMatchObject({
      status: "error",
      node_response: { status: "error", error: expect.stringContaining("told to fail") },
    });
    const { overall } = (await own.ask("/api/statistics")).json as { overall: object };
    expect(overall).toMatchObject({ total_tasks: 3, successful_tasks: 2 });
  });

  it("go to the nodes that are elsewhere, and a node that is not there is an answer of 200", async () => {
    const got: unknown[] = [];
    const node = http.createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        got.push([request.method, request.url, JSON.parse(body)]);
        response.end(JSON.stringify({ status: "success", execution_time: 0.25, message: "done there" }));
      });
    });
    await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
    const { port } = node.address() as AddressInfo;
    const far = await openRouter(
      `open: true, nodes: { EDGE: "http://127.0.0.1:${port}", GPU: "http://127.0.0.1:1" }`,
    );
    const done = await far.submit({ taskType: "t", latency: 10, payload: { a: 1 } });
    node.close();
    expect(got).toEqual([
      ["POST", "/execute", { task_id: done["task_id"], task_type: "t", payload: { a: 1 } }],
    ]);
    expect(done).toMatchObject({
      status: "success",
      execution_time: 0.25,
      node_response: { message: "done there" },
    });
    const lost = await far.ask("/api/submit-task", {
      method: "POST",
      body: { taskType: "t", requiresGPU: true },
    });
    expect(lost.status).toBe(200);
    expect(lost.json).toMatchObject({
      status: "error",
      chosen_node: "GPU",
      node_response: { error: expect.stringContaining("GPU cannot be reached") },
    });
  });

  it("are for those who have a key, unless it is open; pages of any origin may ask with one", async () => {
    const shut = await openRouter("open: false");
    const made = await shut.host.cli("keys", "add", "--name", "page", "-q");
    const key = made.stdout.trim();
    const headers = { origin: "https://example.org", "sec-fetch-site": "cross-site" };
    const none = await shut.ask("/api/statistics", { headers });
    expect([none.status, typeof none.json["detail"]]).toEqual([401, "string"]);
    const before = await shut.ask("/api/submit-task", { method: "OPTIONS", headers });
    expect([before.status, before.headers["access-control-allow-origin"]]).toEqual([204, "*"]);
    const { status, headers: said } = await shut.ask("/api/statistics", { key, headers });
    expect([status, said["access-control-allow-origin"]]).toEqual([200, "*"]);
    expect((await router.ask("/api/statistics", { headers })).status, "an open one serves no page").toBe(403);
    const open = await openRouter("open: true, anyOrigin: true");
    expect((await open.ask("/api/statistics", { headers })).status, "unless it is said").toBe(200);
  });
});
