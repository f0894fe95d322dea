import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";
import { type AskJobs, askJobs, submitJob, untilEnded, WORKERS, writeJobs } from "./jobs-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskJobs;
const ids: Record<"good" | "bad" | "z", string> = { good: "", bad: "", z: "" };
beforeAll(async () => {
  home = createHome();
  writeJobs(home);
  home.write("old/workers.yaml", WORKERS);
  await home.daemon();
  asked = await askJobs(home);
  ids.good = await submitJob(asked, "sdxl-image-gen", { prompt: "a" });
  await untilEnded(asked, ids.good);
  ids.bad = await submitJob(asked, "sdxl-image-gen", { prompt: "fail" });
  await untilEnded(asked, ids.bad);
  // A job of orch's own is not of the clients.
  await home.orch(["run", "-d", "--", "true"]);
  ids.z = await submitJob(asked, "z-image", { prompt: "b" });
  await untilEnded(asked, ids.z);
});
afterAll(() => home[Symbol.asyncDispose]());

const rows = async (query: string) => {
  const { json, headers } = await asked(`/admin/jobs${query}`);
  expect(headers["access-control-allow-origin"]).toBe("*");
  return json as {
    jobs: Record<string, unknown>[];
    total: number;
    page: number;
    limit: number;
    offset: number;
  };
};

describe("the list of jobs", () => {
  it("is newest first, with all that is known of each", async () => {
    const { jobs, ...rest } = await rows("");
    expect(rest).toEqual({ total: 3, page: 0, limit: 50, offset: 0 });
    expect(jobs.map(({ id }) => id)).toEqual([ids.z, ids.bad, ids.good]);
    const [z, bad, good] = jobs;
    expect(Object.keys(good ?? {})).toEqual([
      ...["id", "app_id", "status", "created_at", "started_at", "completed_at"],
      ...["worker_id", "cost_estimate", "error_log", "duration_seconds"],
    ]);
    expect(good).toMatchObject({ app_id: "sdxl-image-gen", status: "COMPLETED", error_log: null });
    expect(good?.["worker_id"]).toMatch(/^painter-\d+$/);
    expect(bad).toMatchObject({ status: "FAILED", error_log: expect.stringContaining("no such colour") });
    const seconds = Number(z?.["duration_seconds"]);
    expect(z?.["cost_estimate"]).toBeCloseTo(seconds * 0.002 + 0.01, 6);
    expect(good?.["cost_estimate"]).toBeCloseTo(Number(good?.["duration_seconds"]) * 0.003 + 0.015, 6);
  });

  it.each([
    ["?status=FAILED", ["bad"]],
    ["?status=completed", ["z", "good"]],
    ["?status=&app_id=&worker_id=", ["z", "bad", "good"]],
    ["?app_id=z-image", ["z"]],
    ["?app_id=sdxl-image-gen&status=COMPLETED", ["good"]],
    ["?app_id=no%22body", []],
    ["?status=LOST", []],
    ["?worker_id=nobody", []],
    ["?limit=1&offset=1", ["bad"]],
    ["?limit=none&offset=none", ["z", "bad", "good"]],
  ] as const)("%s gives %j", async (query, names) => {
    expect((await rows(query)).jobs.map(({ id }) => id)).toEqual(names.map((name) => ids[name]));
  });

  it("has pages", async () => {
    expect(await rows("?limit=1&offset=2")).toMatchObject({ total: 3, page: 2, limit: 1, offset: 2 });
  });
});

describe("the metrics", () => {
  it("sum the jobs up; the cost is a number, filled by the rules of the apps", async () => {
    const { json } = await asked("/admin/metrics/summary");
    expect(json).toMatchObject({
      total_jobs: 3,
      jobs_24h: 3,
      jobs_by_status: { COMPLETED: 2, FAILED: 1 },
      jobs_by_app: { "sdxl-image-gen": 2, "z-image": 1 },
    });
    expect(json["total_cost"]).toBeGreaterThan(0.04);
  });

  it("of a worker's GPU need its name, and come in steps", async () => {
    expect(await asked("/admin/metrics/gpu")).toMatchObject({ status: 400, text: "worker_id required\n" });
    const worker = (await rows("?app_id=z-image")).jobs[0]?.["worker_id"];
    const steps = await until("the GPU has a history", async () => {
      const { json } = await asked(`/admin/metrics/gpu?worker_id=${worker}&range=1h`);
      const { metrics } = json as { metrics: object[] };
      return metrics.length > 0 ? json : null;
    });
    expect(steps).toMatchObject({ worker_id: worker, range: "1h", interval: "1 minute" });
    expect((steps["metrics"] as object[])[0]).toEqual({
      ...{ time: expect.stringMatching(/:00\.000Z$/), gpu_id: 0, utilization: null },
      ...{ vram_used_mb: expect.any(Number), vram_total_mb: 1024, temperature_c: null, power_draw_w: null },
    });
    expect((await asked("/admin/metrics/gpu?worker_id=x")).json).toEqual({
      ...{ worker_id: "x", range: "24h", interval: "15 minutes", metrics: [] },
    });
    for (const range of ["6h", "7d"])
      expect((await asked(`/admin/metrics/gpu?worker_id=x&range=${range}`)).json).toMatchObject({ range });
  });

  it("of the last minute name who holds each GPU", async () => {
    const { json } = await asked("/admin/metrics/latest");
    const [metric] = (json as { metrics: object[] }).metrics;
    expect(metric).toMatchObject({
      gpu_id: 0,
      vram_total_mb: 1024,
      worker_id: expect.stringMatching(/^z-image-/),
    });
    expect(Object.keys(metric ?? {})).toEqual([
      ...["worker_id", "gpu_id", "time", "gpu_utilization", "vram_used_mb", "vram_total_mb"],
      ...["temperature_c", "power_draw_w"],
    ]);
  });
});

describe("the config", () => {
  it("has the keys of the old answer, and those that the page reads", async () => {
    const { json } = await asked("/admin/config");
    const { apps } = json as { apps: Record<string, Record<string, unknown>> };
    expect(Object.keys(apps)).toEqual(["sdxl-image-gen", "z-image", "slow", "homeless"]);
    const own = {
      Name: "SDXL",
      Type: "local",
      Queue: "sdxl",
      GPUVramGB: 0.5,
      TimeoutSeconds: 60,
      Endpoint: "",
    };
    expect(apps["sdxl-image-gen"]).toMatchObject({ ID: "sdxl-image-gen", Description: "pictures", ...own });
    expect(apps["sdxl-image-gen"]).toMatchObject({
      ...{ name: "SDXL", type: "local", queue: "sdxl", gpu_vram_gb: 0.5 },
      ...{ frontend_url: "http://localhost:3000/sdxl", DockerImage: "registry.example/painter:1.2" },
    });
    expect(apps["sdxl-image-gen"]?.["Parameters"]).toHaveLength(6);
  });
});

describe("workers", () => {
  const list = async () =>
    (await asked("/workers")).json as { count: number; workers: Record<string, string>[] };
  const act = async (worker_name: string, action: string) =>
    (await asked("/admin/workers/action", { method: "POST", body: { worker_name, action } })).json;

  it("are listed in both spellings", async () => {
    const { count, workers } = await list();
    expect(count).toBe(workers.length);
    const z = workers.find(({ app_id }) => app_id === "z-image");
    expect(z).toEqual({
      ...{ WorkerID: z?.["worker_id"], LastHeartbeat: expect.stringMatching(/Z$/), Status: "ONLINE" },
      ...{ worker_id: expect.stringMatching(/^z-image-\d+$/), app_id: "z-image", status: "idle" },
      last_heartbeat: z?.["LastHeartbeat"],
    });
  });

  it("have a status, with those of workers.yaml that do not run; one is active", async () => {
    const { json } = await asked("/admin/workers/status");
    expect(json["active_worker"]).toBe("z-worker");
    expect(json["workers"]).toContainEqual({
      ...{ worker_id: expect.stringMatching(/^z-image-\d+$/), app_id: "z-image", status: "idle" },
      ...{ gpu_name: expect.any(String), vram_total_mb: 1024, last_heartbeat: expect.any(String) },
    });
    expect(json["workers"]).toContainEqual({
      ...{ worker_id: "painter-worker", app_id: "sdxl-image-gen", status: "stopped" },
      ...{ gpu_name: null, vram_total_mb: null, last_heartbeat: null },
    });
  });

  it("are started, stopped and switched to; what cannot be is said in a 200", async () => {
    const body = { worker_name: "z-worker", action: "dance" };
    const invalid = await asked("/admin/workers/action", { method: "POST", body });
    expect(invalid).toMatchObject({ status: 400, text: "Invalid action\n" });
    expect(await act("painter-worker", "switch")).toMatchObject({
      ...{ success: true, message: expect.any(String), output: expect.stringContaining("painter-") },
    });
    await until("the painter is there", async () => {
      const { json } = await asked("/admin/workers/status");
      return json["active_worker"] === "painter-worker";
    });
    expect(await act("painter-worker", "stop")).toMatchObject({ success: true });
    await until("it is gone", async () =>
      (await list()).workers.every(({ app_id }) => app_id !== "sdxl-image-gen"),
    );
    expect(await act("z-image", "start")).toMatchObject({ success: true });
    for (const wrong of ["nobody", "homeless"])
      expect(await act(wrong, "start")).toMatchObject({
        ...{ success: false, message: `Could not start ${wrong}`, error: expect.any(String) },
      });
  });

  it("that are killed leave the list within ten seconds; their job is run once more", async () => {
    const file = join(home.dir, "never");
    const id = await submitJob(asked, "slow", { file });
    await until("it runs", () => existsSync(`${file}.began`));
    const { workers } = await home.client.call("GET /workers", {});
    const victim = workers.find(({ runtime }) => runtime === "waiter");
    process.kill(victim?.pid ?? 0, "SIGKILL");
    await until(
      "it has left the list",
      async () => (await list()).workers.every(({ worker_id }) => worker_id !== victim?.name),
      10_000,
    );
    home.write("never", "");
    const { json } = await untilEnded(asked, id);
    expect(json, "it was run once more").toMatchObject({ status: "COMPLETED", result: { waited: true } });
  });

  it("answer in an empty list, too", async () => {
    const { workers } = await list();
    for (const { worker_id: name = "" } of workers) await act(name, "stop");
    expect(await until("all have gone", async () => ((await list()).count === 0 ? list() : null))).toEqual({
      ...{ count: 0, workers: [] },
    });
    const { json } = await asked("/admin/workers/status");
    expect(json).toMatchObject({ active_worker: null });
    expect(Array.isArray(json["workers"])).toBe(true);
  });
});
