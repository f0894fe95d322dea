import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operations } from "../../src/operations/index.ts";
import { failureTable } from "../../src/std/failure.ts";
import { send } from "../daemon/serve.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x24GiB,1x48GiB" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

describe("hello and status", () => {
  test("say who listens, and what is there", async () => {
    const hello = await host.client.call("GET /hello", {});
    expect(hello).toEqual({ pid: host.pid(), version: expect.stringMatching(/^\d+\.\d+\.\d+/), api: 1 });
    const held = await host.sh("true", { options: { hold: true } });
    const status = await host.client.call("GET /status", {});
    expect(status).toMatchObject({ pid: host.pid(), probe: "virtual", instance: host.instanceId });
    expect(status.jobs).toMatchObject({ held: 1, running: 0 });
    expect(Object.keys(status.jobs).length).toBe(7);
    expect(status.paths).toMatchObject({ database: host.paths.database, socket: host.paths.socket });
    expect(status.uptimeMs).toBeGreaterThanOrEqual(0);
    await host.client.call("POST /jobs/:job/cancel", { job: held.id });
  });
});

describe("gpus", () => {
  test.each([false, true])("are listed in order, with their memory (processes: %s)", async (processes) => {
    const { gpus } = await host.client.call("GET /gpus", { processes });
    expect(gpus.map(({ index, uuid }) => [index, uuid])).toEqual([
      [0, "GPU-virtual-0"],
      [1, "GPU-virtual-1"],
    ]);
    expect(gpus[1]?.memory).toMatchObject({ totalBytes: 48 * 2 ** 30, reservedBytes: 0, foreignBytes: 0 });
    expect(gpus.every(({ healthy }) => healthy)).toBe(true);
  });
});

describe("runtimes", () => {
  test("are listed, a broken one with its problem, and shown one by one", async () => {
    host.addRuntime("broken", "name: broken\ngpus: 3\n");
    const { runtimes } = await host.client.call("GET /runtimes", {});
    expect(runtimes.find(({ name }) => name === "echo")).toMatchObject({ origin: "user", problem: null });
    expect(runtimes.find(({ name }) => name === "charlm")).toMatchObject({ origin: "shipped" });
    expect(runtimes.find(({ name }) => name === "broken")?.problem).toContain("gpus");
    const echo = await host.client.call("GET /runtimes/:runtime", { runtime: "echo" });
    expect(echo.params.find(({ name }) => name === "voice")).toMatchObject({ load: true, type: "string" });
    const unknown = host.client.call("GET /runtimes/:runtime", { runtime: "../echo" });
    expect((await refusal("runtime/unknown", unknown)).message).toContain('"../echo"');
  });

  test("validate: a good one is shown, a broken one is refused with file, line and key", async () => {
    const dir = join(host.home, "drafts", "draft");
    mkdirSync(dir, { recursive: true });
    const file = join(dir, "runtime.yaml");
    writeFileSync(file, "name: draft\ncommand: [python3, x.py]\ngpu: { count: 1, vram: 4GiB }\n");
    for (const path of [file, dir])
      expect(await host.client.call("POST /runtimes/validate", { path })).toMatchObject({ name: "draft" });
    writeFileSync(file, "name: draft\ncommand: [python3, x.py]\ngpu: { count: many }\n");
    const failure = await refusal(
      "runtime/invalid",
      host.client.call("POST /runtimes/validate", { path: file }),
    );
    expect(failure.message).toContain(`${file}:3:`);
    const nowhere = host.client.call("POST /runtimes/validate", { path: "/nowhere/at/all" });
    await refusal("runtime/invalid", nowhere);
    await refusal("request/malformed", host.client.call("POST /runtimes/validate", { path: "draft" }));
  });
});

describe("openapi.json", () => {
  type Schema = Record<string, unknown>;
  interface Described {
    readonly operationId: string;
    readonly summary: string;
    readonly parameters: { name: string; in: string; required: boolean; schema: Schema }[];
    readonly requestBody?: { content: Record<string, { schema: Schema }> };
    readonly responses: Record<string, { description: string; content: Record<string, { schema: Schema }> }>;
  }
  interface Document {
    readonly openapi: string;
    readonly info: { title: string; version: string };
    readonly paths: Record<string, Record<string, Described>>;
    readonly components: { schemas: Record<string, Schema> };
  }

  async function fetchDocument(): Promise<Document> {
    const answer = await send(host.paths.socket, "GET", "/api/v1/openapi.json");
    return answer.json as unknown as Document;
  }

  test("lists every route, with its path parameters", async () => {
    const document = await fetchDocument();
    expect(document.openapi).toBe("3.1.0");
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+/);
    const ids = new Set<string>();
    for (const { route, stream, answers } of operations) {
      if (route === "GET /openapi.json") continue;
      const [method = "", path = ""] = route.split(" ");
      const shown = document.paths[`/api/v1${path.replaceAll(/:(\w+)/g, "{$1}")}`]?.[method.toLowerCase()];
      if (!shown) throw new Error(`${route} is not in the document`);
      expect(shown.summary.length, route).toBeGreaterThan(5);
      ids.add(shown.operationId);
      const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
      expect(shown.parameters.filter((parameter) => parameter.in === "path")).toMatchObject(
        named.map((name) => ({ name, required: true })),
      );
      expect(shown.requestBody !== undefined, route).toBe(method === "POST");
      expect(Object.keys(shown.responses["200"]?.content ?? {}), route).toEqual([
        answers === "file"
          ? "application/octet-stream"
          : stream
            ? "application/x-ndjson"
            : "application/json",
      ]);
      expect(shown.responses["default"], route).toBeDefined();
    }
    expect(ids.size, "operation ids are unique").toBe(operations.length - 1);
  });

  test("refers to nothing that it does not hold, and to every failure code", async () => {
    const document = await fetchDocument();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to ?? "");
    expect(references.length).toBeGreaterThan(operations.length);
    for (const reference of new Set(references)) {
      let found: unknown = document;
      for (const part of reference.replace(/^#\//, "").split("/")) found = (found as Schema)[part];
      expect(found, reference).toBeTypeOf("object");
    }
    const text = JSON.stringify(document.components.schemas["Error"]);
    for (const code of Object.keys(failureTable)) expect(text).toContain(`"${code}"`);
    for (const name of Object.keys(document.components.schemas)) expect(name).toMatch(/^[a-zA-Z0-9._-]+$/);
  });
});

describe("shutdown", () => {
  test.each(["leave", "drain", "kill"] as const)("%s ends the daemon and its socket", async (mode) => {
    await using other = await startHost();
    addEchoRuntime(other, "echo");
    const job = await other.sh(mode === "drain" ? "true" : "sleep 60");
    await other.until(job.id, "running", "succeeded");
    expect(await other.client.call("POST /shutdown", { mode })).toEqual({ pid: other.pid() });
    expect(await other.exited()).toBe(0);
    await refusal("daemon/unreachable", other.client.call("GET /hello", {}));
    await other.start();
    const { state } = await other.client.call("GET /jobs/:job", { job: job.id });
    expect(state).toBe({ leave: "running", drain: "succeeded", kill: "cancelled" }[mode]);
  });

  test("of an unknown kind is refused", async () => {
    await refusal("request/malformed", host.client.call("POST /shutdown", { mode: "now" as "kill" }));
    expect((await host.client.call("GET /hello", {})).pid).toBe(host.pid());
  });
});
