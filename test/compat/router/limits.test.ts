import http from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { sharedOrch } from "../../kit/built-orch.ts";
import { addEchoRuntime } from "../../kit/echo-runtime.ts";
import { createOrchHome } from "../../kit/orch-home.ts";
import { startRouter } from "./router-host.ts";

/** Half a second stands for the 30 that are usual: both are one setting. */
const SHORT = "open: true, timeoutSeconds: 0.5";

describe("a task that takes longer than the router waits", () => {
  it("is an error of 200 with a node elsewhere, whose connection is closed", async () => {
    let closed = 0;
    const silent = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("close", () => {
        closed += 1;
      });
      socket.resume();
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    await using router = await startRouter(`${SHORT}, nodes: { EDGE: "http://127.0.0.1:${port}" }`);
    const task = await router.submit({ taskType: "t", latency: 10 });
    expect(task).toMatchObject({
      status: "error",
      chosen_node: "EDGE",
      node_response: { error: expect.stringContaining("EDGE took longer than 0.5 s") },
    });
    expect(task["execution_time"]).toBeGreaterThanOrEqual(0.5);
    expect(task["execution_time"]).toBeLessThan(5);
    await expect.poll(() => closed).toBe(1);
    silent.close();
  });

  it("is an error of 200 here, whose job is cancelled", async () => {
    await using router = await startRouter(`${SHORT}, runtimes: { speak: echo }`);
    addEchoRuntime(router.host, "echo");
    const task = await router.submit({
      taskType: "speak",
      latency: 10,
      payload: { text: "hi", seconds: 600 },
    });
    expect(task).toMatchObject({
      status: "error",
      node_response: { error: expect.stringMatching(/^job \d+ took longer than 0\.5 s/) },
    });
    const [job] = (await router.host.client.call("GET /jobs", {})).jobs;
    await router.host.until(job?.id ?? 0, "cancelled");
    const { overall } = (await router.ask("/api/statistics")).json as { overall: object };
    expect(overall).toMatchObject({ total_tasks: 1, successful_tasks: 0, success_rate: 0 });
    const { text } = await router.ask("/api/metrics");
    expect(text).toContain('orchestrator_tasks_total{node="EDGE",status="error"} 1');
    // What it took and what it cost is counted, in dollars and seconds.
    expect(text).toContain('orchestrator_task_duration_seconds_bucket{node="EDGE",le="0.1"} 0');
    expect(text).toContain('orchestrator_task_duration_seconds_bucket{node="EDGE",le="30"} 1');
    expect(text).toContain('orchestrator_task_cost_dollars_sum{node="EDGE"} 0.01');
  });
});

describe("the variables of old", () => {
  it("name nodes elsewhere, unless the config does", async () => {
    const asked: string[] = [];
    const node = http.createServer((request, response) => {
      asked.push(`${request.headers.host}${request.url}`);
      request.resume().on("end", () => response.end('{"status":"success"}'));
    });
    await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
    const { port } = node.address() as AddressInfo;
    const env = { EDGE_NODE_URL: `http://127.0.0.1:${port}/`, GPU_NODE_URL: "http://127.0.0.1:1" };
    const settings = `open: true, nodes: { GPU: "http://localhost:${port}" }`;
    await using router = await startRouter(settings, env);
    expect((await router.submit({ taskType: "t", latency: 10 }))["status"]).toBe("success");
    expect((await router.submit({ taskType: "t", requiresGPU: true }))["status"]).toBe("success");
    expect(asked).toEqual([`127.0.0.1:${port}/execute`, `localhost:${port}/execute`]);
    node.close();
  });

  it("that hold no address keep the daemon from starting, with the variable", async () => {
    await using home = createOrchHome(await sharedOrch(), { CLOUD_NODE_URL: "cloud.example" });
    home.write(
      "config.yaml",
      'gateway: { listen: "127.0.0.1:0", compat: { router: { prefix: /router } } }\n',
    );
    const daemon = home.launchDaemon();
    daemon.ready.catch(() => undefined);
    expect(await daemon.ended).not.toBe(0);
    expect(daemon.stderr()).toContain("CLOUD_NODE_URL is no address of a node");
  });
});
