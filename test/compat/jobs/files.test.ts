import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRegistry } from "../../../src/gateway/compat/jobs/registry.ts";
import { systemClock } from "../../../src/std/clock.ts";
import { useOrch } from "../../e2e/session.ts";
import { ask, makeKey, urlOf } from "../../gateway/door.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { newFolder } from "../../kit/service-run.ts";
import { until } from "../../kit/until.ts";
import { APPS, type AskJobs, askJobs, submitJob, untilEnded, writeJobs } from "./jobs-home.ts";

const createHome = useOrch();

const ALLOCATION = `gpus: [{ id: 0, total_vram_gb: 24, reserved_gb: 2 }]
workers:
  painter-worker: { vram_required_gb: 0.7, gpu_id: 0, exclusive: true, priority: 20 }
  z-image: { priority: -5 }
worker_idle_timeout_seconds: 1
allocation_strategy: first_fit
colour: blue
`;

describe("the policy in the files", () => {
  let home: OrchHome;
  let asked: AskJobs;
  beforeAll(async () => {
    home = createHome();
    writeJobs(home);
    home.write("old/workers.yaml", "workers:\n  painter-worker: { app_id: sdxl-image-gen }\n");
    home.write("old/gpu_allocation.yaml", ALLOCATION);
    await home.daemon();
    asked = await askJobs(home);
  });
  afterAll(() => home[Symbol.asyncDispose]());

  it("counts: priorities, memory and time limits of jobs are those of the files", async () => {
    const held = await submitJob(asked, "sdxl-image-gen", { prompt: "a" });
    const other = await submitJob(asked, "z-image", { prompt: "b" });
    const { jobs } = await home.client.call("GET /jobs", {});
    const detail = (id: string) => home.client.call("GET /jobs/:job", { job: Number(id.slice(-12)) });
    expect(jobs.map(({ priority }) => priority)).toEqual([-5, 20]);
    expect(await detail(held)).toMatchObject({ priority: 20, timeLimitMs: 60_000, label: "sdxl-image-gen" });
    expect((await detail(held)).lane).toBe("painter#1x717MiB");
    expect(await detail(other)).toMatchObject({ priority: -5, timeLimitMs: null });
    await untilEnded(asked, held);
    await untilEnded(asked, other);
  });

  it("stops idle workers after the time that they say, counted from the last job", async () => {
    const count = async () => ((await asked("/workers")).json as { count: number }).count;
    await until("no worker is left", async () => (await count()) === 0, 15_000);
    const file = join(home.dir, "long");
    const id = await submitJob(asked, "slow", { file });
    await until("it runs", () => existsSync(`${file}.began`));
    const startMs = performance.now();
    // Longer than the time that an idle worker has.
    await until("it has run for a while", () => performance.now() - startMs > 2_500);
    expect(await count(), "one that works stays").toBe(1);
    home.write("long", "");
    expect((await untilEnded(asked, id)).json).toMatchObject({ status: "COMPLETED" });
    await until("it is stopped then", async () => (await count()) === 0, 15_000);
  });

  it("names what has no effect in the log, with its place", () => {
    const lines = readFileSync(join(home.dir, "state", "daemon.log"), "utf8").split("\n");
    const log = lines.filter((line) => line.includes('"part":"job orchestrator"')).join("\n");
    expect(log).toContain(`${join(home.dir, "old/gpu_allocation.yaml")}:7:9: colour is not known`);
    expect(log).toContain("reserved_gb is for vramReserve");
  });

  it("is read anew when a file changes; a change that cannot be read leaves what was", async () => {
    home.write("old/apps.yaml", `${APPS}  - { id: new-one, type: local, docker_image: painter }\n`);
    await until("the new app is there", async () => {
      const { apps } = (await asked("/admin/config")).json as { apps: object };
      return "new-one" in apps;
    });
    home.write("old/apps.yaml", "apps: [{ id: 7 }]\n");
    await until("it was looked at", async () => {
      await asked("/admin/config");
      return readFileSync(join(home.dir, "state", "daemon.log"), "utf8").includes(
        "what it said before holds",
      );
    });
    const { apps } = (await asked("/admin/config")).json as { apps: object };
    expect(Object.keys(apps)).toContain("new-one");
  });
});

describe("a file that cannot be read", () => {
  const options = { listen: null, prefix: null, open: false, plaintext: false, apps: {}, anyOrigin: null };
  const log = { audit() {}, warn() {}, error() {} };
  const read = (home: string, more = {}) =>
    createRegistry(
      { clock: systemClock, log },
      { ...options, registry: join(home, "apps.yaml"), workers: null, gpuAllocation: null, ...more },
    );

  it.each([
    ["apps:\n  - id: a\n    type: remote\n", "apps.yaml:3:11: apps.0.type: "],
    [
      "apps:\n  - { id: a, type: modal }\n",
      "apps.yaml:2:5: apps.0.endpoint: a is remote and has no endpoint",
    ],
    [
      "apps:\n  - { id: a, type: modal, endpoint: 'file:///x' }\n",
      "apps.0.endpoint: expected an http(s) address",
    ],
    ["apps:\n  - { id: a, gpu_vram_gb: lots }\n", "apps.yaml:2:27: apps.0.gpu_vram_gb: "],
    ["apps: [{ id: a }, { id: a }]\n", "apps.1.id: a is there twice"],
    ["apps: [\n", "apps.yaml:2:1: "],
    ["apps:\n  - { id: a, parameters: [{ name: p, type: colour }] }\n", "apps.0.parameters.0.type: "],
    ["apps:\n  - { id: a, timeout_seconds: -1 }\n", "apps.0.timeout_seconds: "],
  ])("is refused with the place: %j", (apps, message) => {
    const home = newFolder();
    writeFileSync(join(home, "apps.yaml"), apps);
    expect(() => read(home)).toThrow(message);
  });

  it("is as bad when it is not there, and was asked for; such as lie beside apps.yaml count where they are", () => {
    const home = newFolder();
    expect(() => read(home)).toThrow(`cannot read ${home}/apps.yaml`);
    writeFileSync(join(home, "apps.yaml"), "apps: []\n");
    expect(() => read(home)).not.toThrow();
    expect(() => read(home, { workers: join(home, "none.yaml") })).toThrow("none.yaml");
    writeFileSync(join(home, "workers.yaml"), "settings: { idle_timeout: soon }\n");
    expect(() => read(home)).toThrow(`${home}/workers.yaml:1:27: settings.idle_timeout: `);
  });

  it("keeps the daemon from starting", async () => {
    await using home = createHome();
    writeJobs(home, "", "apps:\n  - { id: a, gpu_vram_gb: lots }\n");
    const daemon = home.launchDaemon();
    daemon.ready.catch(() => undefined);
    expect(await daemon.ended).not.toBe(0);
    expect(daemon.stderr()).toContain("old/apps.yaml:2:27: apps.0.gpu_vram_gb");
  });
});

describe("the door", () => {
  it("asks for keys of orch unless it is open; below a prefix it has no port of its own; without a registry runtimes are apps", async () => {
    await using home = createHome();
    writeJobs(home);
    home.write("config.yaml", "gateway:\n  listen: 127.0.0.1:0\n  compat:\n    jobs: { prefix: /jobs }\n");
    await home.daemon();
    const key = await makeKey(home, "client", "--scope", "read,submit");
    const url = await urlOf(home);
    const refused = await ask(url, { path: "/jobs/workers" });
    expect(refused).toMatchObject({
      status: 401,
      text: expect.stringMatching(/^the gateway wants a valid API key.*\n$/),
    });
    expect((await ask(url, { path: "/jobs/workers", key })).json).toEqual({ count: 0, workers: [] });
    const submit = { method: "POST", path: "/jobs/submit", key };
    const { json } = await ask(url, { ...submit, body: { app_id: "painter", params: { prompt: "x" } } });
    const path = `/jobs/status/${json["job_id"]}`;
    const done = await until(
      "the job has ended",
      async () => {
        const answer = await ask(url, { path, key });
        return answer.json["status"] === "COMPLETED" ? answer : null;
      },
      30_000,
    );
    expect(done.json["result"]).toMatchObject({ asked: { prompt: "x", steps: 30 } });
    const act = {
      method: "POST",
      path: "/jobs/admin/workers/action",
      key,
      body: { worker_name: "painter", action: "stop" },
    };
    expect((await ask(url, act)).status, "workers are for keys of admins").toBe(403);
    expect((await ask(url, { path: "/jobs/none", key })).status).toBe(404);
  });

  it("lets pages of other origins ask where keys are asked for, or the config says so; others do not", async () => {
    await using home = createHome();
    writeJobs(home);
    const doors = (jobs: string) =>
      `gateway:\n  listen: 127.0.0.1:0\n  compat:\n    jobs: { listen: '127.0.0.1:0'${jobs} }\n`;
    const headers = {
      origin: "http://localhost:3000",
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "cors",
    };
    home.write("config.yaml", doors(", open: true"));
    const first = await home.daemon();
    const shut = await askJobs(home);
    expect((await shut("/admin/config", { headers })).status).toBe(403);
    expect((await shut("/submit", { method: "POST", headers, body: {} })).status).toBe(403);
    await first.kill();
    home.write("config.yaml", doors(", open: true, anyOrigin: true"));
    await home.daemon();
    const asked = await askJobs(home);
    const may = await asked("/submit", { method: "OPTIONS", headers });
    expect(may).toMatchObject({ status: 204, headers: { "access-control-allow-origin": "*" } });
    const answer = await asked("/submit", { method: "POST", headers, body: { app_id: "nobody" } });
    expect(answer).toMatchObject({ status: 400, headers: { "access-control-allow-origin": "*" } });
    expect((await asked("/workers", { headers })).headers["access-control-allow-origin"]).toBe("*");
  });

  it("finds its registry by the variable of old", async () => {
    await using home = createHome();
    writeJobs(home);
    home.write(
      "config.yaml",
      "gateway:\n  listen: 127.0.0.1:0\n  compat:\n    jobs: { listen: '127.0.0.1:0', open: true }\n",
    );
    const daemon = home.spawn(["daemon"], { env: { APP_REGISTRY_PATH: "old/apps.yaml" } });
    await until("it is ready", () => daemon.stderr().includes("orch is ready"), 20_000);
    const asked = await askJobs(home);
    expect(Object.keys((await asked("/admin/config")).json["apps"] as object)).toContain("sdxl-image-gen");
  });
});
