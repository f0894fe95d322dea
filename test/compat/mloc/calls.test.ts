import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentOf, type MlocHome, startMloc } from "./mloc-home.ts";

let home: MlocHome;
beforeAll(async () => {
  home = await startMloc("open: true", "tasks: { runtimes: { sft: trainer } }\n");
}, 30_000);
afterAll(() => home[Symbol.asyncDispose]());

const echo = documentOf("echo", "  word: hello\n");

/** A form with one file, as curl -F makes it. */
function form(name: string, text: string, field = "file") {
  const body = `--x\r\ncontent-disposition: form-data; name="${field}"; filename="${name}"\r\n\r\n${text}\r\n--x--\r\n`;
  return {
    body,
    headers: { "content-type": "multipart/form-data; boundary=x", "content-length": Buffer.byteLength(body) },
  };
}

describe("the calls of the task system", () => {
  it("say that they are there, to everybody", async () => {
    const { status, text } = await home.ask("GET", "/healthz");
    expect([status, text]).toEqual([200, '{"ok":true}']);
  });

  it.each([
    ["YAML", { body: echo, headers: { "content-type": "text/yaml" } }],
    ["YAML without a type", { body: echo, headers: { "content-type": "" } }],
    ["YAML as a form", { body: echo, headers: { "content-type": "application/x-www-form-urlencoded" } }],
    ["a JSON text", { body: JSON.stringify(echo) }],
    ["JSON with the key yaml", { body: { yaml: echo, other: 1 } }],
  ])("take a document as %s, and answer in both shapes", async (_what, asking) => {
    const { status, text, json } = await home.ask("POST", "/api/v1/tasks", asking);
    expect(status).toBe(200);
    expect(text, "compact, on one line").toBe(JSON.stringify(json));
    expect(json).toMatchObject({ ok: true, worker_id: null, topic: "tasks.echo", count: 1 });
    expect(json["tasks"]).toEqual([
      {
        ...{
          task_id: json["task_id"],
          status: "PENDING",
          assigned_worker: null,
          topic: "tasks.echo",
          waiting_on: [],
        },
        ...{ depends_on: [], attempts: 0, max_attempts: 3, load: 1, name: "t", graph_node_name: null },
      },
    ]);
    expect((await home.result(String(json["task_id"])))["result"]).toMatchObject({
      ok: true,
      echo: { word: "hello" },
    });
  });

  it("tell the load that a document says, as a number or as digits", async () => {
    const withLoad = (load: string) => ({
      body: echo.replace("memory: 1Gi", `memory: 1Gi }, estimatedLoad: ${load}, x: { y: 1`),
      headers: { "content-type": "" },
    });
    for (const load of ["7", '"7"']) {
      const { json } = await home.ask("POST", "/api/v1/tasks", withLoad(load));
      expect(json["tasks"]).toEqual([expect.objectContaining({ load: 7 })]);
    }
    const { status, json } = await home.ask("POST", "/api/v1/tasks", withLoad("many"));
    expect([status, json["detail"]]).toEqual([400, expect.stringContaining("estimatedLoad")]);
  });

  it("list tasks, give one, and say what there is not", async () => {
    const id = await home.submit(echo);
    const record = await home.over(id);
    expect(record).toMatchObject({
      ...{
        task_id: id,
        raw_yaml: echo,
        status: "DONE",
        assigned_worker: "orch",
        topic: "tasks.echo",
        error: null,
      },
      ...{ task_type: "echo", category: "other", attempts: 1, max_attempts: 3, graph_node_name: null },
      ...{ depends_on: [], pending_dependencies: [], dependents: [], completed: true, failed: false },
    });
    expect(record["parsed"]).toMatchObject({ metadata: { name: "t" }, spec: { word: "hello" } });
    expect(Number(record["finished_ts"])).toBeGreaterThanOrEqual(Number(record["started_ts"]));
    const { text } = await home.ask("GET", "/api/v1/tasks");
    expect((JSON.parse(text) as { task_id: string }[]).map((each) => each.task_id)).toContain(id);
    const none = await home.ask("GET", "/api/v1/tasks/none");
    expect([none.status, none.text]).toEqual([404, '{"detail":"task not found"}']);
  });

  it("show workers, with what they are made of", async () => {
    const { text } = await home.ask("GET", "/workers");
    const [self] = JSON.parse(text) as Record<string, unknown>[];
    expect(self).toMatchObject({
      ...{ worker_id: "orch", status: "IDLE", env: {}, stale: false, cached_datasets: [], cost_per_hour: 1 },
      hardware: { gpu: { gpus: [{ index: 0, name: "virtual 24 GiB", memory_total_bytes: 24 * 2 ** 30 }] } },
    });
    expect((await home.ask("GET", "/workers/orch")).json["worker_id"]).toBe("orch");
    const none = await home.ask("GET", "/workers/none");
    expect([none.status, none.text]).toEqual([404, '{"detail":"worker not found"}']);
  });

  it("keep a worker from being stopped for others, and forget what is gone", async () => {
    await home.over(await home.submit(documentOf("sft", "  data: { items: [a] }\n")));
    const off = await home.ask("POST", "/workers/trainer-1/elastic", { body: { enabled: false } });
    expect([off.status, off.text]).toEqual([
      200,
      '{"worker_id":"trainer-1","enabled":false,"elastic_disabled":true}',
    ]);
    expect((await home.ask("GET", "/workers/trainer-1")).json).toMatchObject({
      elastic_disabled: true,
      status: "IDLE",
    });
    expect((await home.ask("GET", "/metrics")).json["elastic_disabled_workers"]).toEqual(["trainer-1"]);
    expect((await home.ask("POST", "/admin/cleanup")).text).toBe('{"ok":true,"removed":0}');
    const bad = await home.ask("POST", "/workers/trainer-1/elastic", { body: { on: 1 } });
    expect([bad.status, bad.text]).toEqual([400, '{"detail":"Missing required field: enabled"}']);
    await home.ask("POST", "/workers/trainer-1/elastic", { body: { enabled: true } });
    expect((await home.host.client.call("GET /workers", {})).workers[0]?.pinned).toBe(false);
  });

  it("take results that are sent in, and files, and give them back", async () => {
    const sent = { task_id: "mine-1", result: { a: [1] }, worker_id: "w", metadata: { k: 1 }, more: true };
    const kept = await home.ask("POST", "/api/v1/results", { body: sent });
    expect(kept.json["ok"]).toBe(true);
    expect(JSON.parse(readFileSync(String(kept.json["path"]), "utf8"))).toMatchObject({ task_id: "mine-1" });
    const { json } = await home.ask("GET", "/api/v1/results/mine-1");
    expect(json).toMatchObject({ task_id: "mine-1", worker_id: "w", metadata: { k: 1 }, result: { a: [1] } });
    expect(Date.parse(String(json["received_at"]))).toBeGreaterThan(0);
    const file = await home.ask("POST", "/api/v1/results/mine-1/files", form("notes.txt", "some text"));
    expect(file.json).toMatchObject({ ok: true });
    expect(readFileSync(String(file.json["path"]), "utf8")).toBe("some text");
    expect((await home.ask("GET", "/api/v1/results/mine-1/files/notes.txt")).text).toBe("some text");
    const none = await home.ask("GET", "/api/v1/results/none");
    expect([none.status, none.text]).toEqual([404, '{"detail":"result not found"}']);
    const lost = await home.ask("GET", "/api/v1/results/mine-1/files/none.txt");
    expect([lost.status, lost.text]).toEqual([404, '{"detail":"artifact not found"}']);
  });

  it.each(["..", "../x", "a/b", "a\\\\b", ".hidden", ""])("refuse a file of the name %j", async (name) => {
    const { status, text } = await home.ask("POST", "/api/v1/results/mine-2/files", form(name, "x"));
    expect([status, text]).toEqual([400, '{"detail":"invalid filename"}']);
  });

  it.each(["%2e%2e%2fresponses.json", "..%2f..%2forch.db", ".x"])(
    "refuse to give the file %s",
    async (name) => {
      const { status, text } = await home.ask("GET", `/api/v1/results/mine-1/files/${name}`);
      expect([status, text]).toEqual([400, '{"detail":"invalid filename"}']);
    },
  );

  it("keep nothing of a form that is cut short, and refuse one without the field", async () => {
    const { body, headers } = form("cut.txt", "some text");
    const cut = body.slice(0, -12);
    const answer = await home.ask("POST", "/api/v1/results/mine-3/files", {
      body: cut,
      headers: { ...headers, "content-length": Buffer.byteLength(cut) },
    });
    expect(answer.status).toBe(400);
    const dir = join(home.host.paths.stateDir, "results", "mine-3", "artifacts", "cut.txt");
    expect(existsSync(dir)).toBe(false);
    const other = await home.ask("POST", "/api/v1/results/mine-3/files", form("a.txt", "x", "files"));
    expect([other.status, other.text]).toEqual([400, '{"detail":"Missing required field: file"}']);
  });

  it("count what was done", async () => {
    const { json } = await home.ask("GET", "/metrics");
    expect(Object.keys(json)).toEqual([
      ...["generated_at", "counters", "task_timings", "workers", "active_workers_count"],
      ...["elastic_disabled_workers", "completed_tasks"],
    ]);
    const counters = json["counters"] as Record<string, number>;
    expect(counters).toMatchObject({
      tasks_failed: 0,
      tasks_requeued: 0,
      workers_unregistered: 0,
      worker_heartbeats: 0,
    });
    expect(counters["tasks_submitted"]).toBe(counters["tasks_succeeded"]);
    expect(counters["workers_registered"]).toBe(2);
    const timings = json["task_timings"] as Record<string, { count: number }>;
    expect(timings["training"]?.count).toBe(1);
    expect(timings["overall"]?.count).toBe(counters["tasks_succeeded"]);
  });

  it("are not there where nothing was", async () => {
    expect((await home.ask("GET", "/api/v1/nothing")).text).toBe('{"detail":"Not Found"}');
    expect((await home.ask("POST", "/metrics")).status).toBe(405);
  });
});

describe("the token of the task system", () => {
  it("has to be one: a daemon with an empty file does not start", async () => {
    await expect(startMloc("tokenFile: /dev/null")).rejects.toThrow("/dev/null holds no token");
    await expect(startMloc("tokenFile: /dev/null, open: true")).rejects.toThrow(
      "open and tokenFile are both set",
    );
  });

  it("lets in who bears it, and is read again when its file changes", async () => {
    const file = join(home.host.home, "token");
    writeFileSync(file, "a-long-token\n", { mode: 0o600 });
    await using guarded = await startMloc(`tokenFile: ${file}`);
    expect((await guarded.ask("GET", "/healthz")).text).toBe('{"ok":true}');
    const none = await guarded.ask("GET", "/workers");
    expect([none.status, none.text]).toEqual([401, '{"detail":"Missing bearer token"}']);
    const wrong = await guarded.ask("GET", "/workers", { key: "another-token" });
    expect([wrong.status, wrong.text]).toEqual([403, '{"detail":"Invalid token"}']);
    expect((await guarded.ask("GET", "/workers", { key: "a-long-token" })).status).toBe(200);
    const self = documentOf(
      "echo",
      "  output: { destination: { type: http, url: 'http://localhost:8000/api/v1/results' } }\n",
    );
    const sent = await guarded.ask("POST", "/api/v1/tasks", { key: "a-long-token", body: { yaml: self } });
    const id = String(sent.json["task_id"]);
    await expect
      .poll(
        async () =>
          (await guarded.ask("GET", `/api/v1/results/${id}`, { key: "a-long-token" })).json["task_id"],
      )
      .toBe(id);
    writeFileSync(file, "a-longer-token\n", { mode: 0o600 });
    await expect
      .poll(async () => (await guarded.ask("GET", "/workers", { key: "a-longer-token" })).status)
      .toBe(200);
    expect((await guarded.ask("GET", "/workers", { key: "a-long-token" })).status).toBe(403);
  });
});
