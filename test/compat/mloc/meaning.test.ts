import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../../e2e/session.ts";
import { sha256Of } from "./digest.ts";
import { documentOf, type MlocHome, startMloc } from "./mloc-home.ts";

let home: MlocHome;
beforeAll(async () => {
  home = await startMloc(
    "open: true",
    'tasks: { runtimes: { sft: trainer, lora_sft: trainer }, environment: [GREETING] }\nquotas: { "user:*": { maxPriority: 40 } }\n',
    { env: { GREETING: "good day", SECRET: "none of yours" } },
  );
}, 30_000);
afterAll(() => home[Symbol.asyncDispose]());

const inference = (data: string, more = ""): string =>
  documentOf("inference", `  model: { source: { identifier: acme/speaker-1b } }\n${data}${more}`);

/** What the task of a node came to, by its name. */
async function nodesOf(id: string): Promise<Map<string, Record<string, unknown>>> {
  const first = await home.over(id);
  const { text } = await home.ask("GET", "/api/v1/tasks");
  const all = JSON.parse(text) as Record<string, unknown>[];
  const own = all.filter((each) => each["submission_id"] === first["submission_id"]);
  for (const each of own) await home.over(String(each["task_id"]));
  const over = await Promise.all(
    own.map((each) => home.ask("GET", `/api/v1/tasks/${String(each["task_id"])}`)),
  );
  return new Map(over.map(({ json }) => [String(json["graph_node_name"]), json]));
}

describe("inference", () => {
  it("answers a list of prompts in order, with what was asked of the model", async () => {
    const id = await home.submit(
      inference(
        `  data: { type: list, items: [one, { prompt: two, metadata: { k: 1 } }, [{ role: user, content: three }]] }\n`,
        `  inference: { system_prompt: "say: ", max_tokens: 9, temperature: 0.1 }\n`,
      ),
    );
    const { result, worker_id: worker } = await home.result(id);
    expect(worker).toMatch(/^speaker-\d+$/);
    expect(result).toMatchObject({
      ok: true,
      model: "acme/speaker-1b",
      items: [
        { index: 0, output: "say: ONE", finish_reason: "stop", prompt: "one" },
        { index: 1, output: "say: TWO", metadata: { k: 1 } },
        { index: 2, output: "say: THREE" },
      ],
      usage: { prompt_tokens: 11, completion_tokens: 27, total_tokens: 38, num_requests: 3 },
    });
    expect((result as { usage: { latency_sec: number } }).usage.latency_sec).toBeGreaterThanOrEqual(0);
    const params = query<{ params: string }>(
      { database: home.host.paths.database } as never,
      "SELECT params FROM jobs WHERE runtime = 'speaker' ORDER BY id LIMIT 1",
    )[0]?.params;
    expect(JSON.parse(params ?? "{}")).toMatchObject({
      temperature: 0.1,
      max_tokens: 9,
      model: "acme/speaker-1b",
    });
  });

  it("takes inference.prompts as well, has the older system's defaults, and finds the runtime by its name", async () => {
    const id = await home.submit(
      documentOf("inference", `  model: Speaker\n  inference: { prompts: [hi], max_new_tokens: 3 }\n`),
    );
    expect((await home.result(id))["result"]).toMatchObject({
      items: [{ output: "HI", finish_reason: "length" }],
      usage: { completion_tokens: 3 },
    });
    const other = await home.submit(inference("  data: { items: [x] }\n"));
    expect((await home.result(other))["result"]).toMatchObject({ usage: { completion_tokens: 512 } });
  });

  it("exports its items as lines, and says where", async () => {
    const id = await home.submit(
      inference(
        "  data: { items: [a, b] }\n",
        "  postprocess: { jsonl_export: { path: out/lines.jsonl, fields: [index, output], required_fields: [output] } }\n",
      ),
    );
    const { jsonl_export: made } = (await home.result(id))["result"] as {
      jsonl_export: { path: string; url: string };
    };
    expect(readFileSync(made.path, "utf8")).toBe('{"index":0,"output":"A"}\n{"index":1,"output":"B"}\n');
    expect((await home.ask("GET", made.url)).text).toContain('"output":"B"');
  });

  it("is more urgent the tighter its time, as far as its user may be, and answers nothing at once", async () => {
    const id = await home.submit(inference("  data: { items: [] }\n", "  sloSeconds: 20\n"));
    expect((await home.result(id))["result"]).toMatchObject({ items: [], usage: { num_requests: 0 } });
    const urgent = await home.submit(inference("  data: { items: [u] }\n", "  sloSeconds: 20\n"));
    const [job] = (await home.over(urgent))["jobs"] as number[];
    expect(await home.host.client.call("GET /jobs/:job", { job: job ?? 0 })).toMatchObject({
      ...{ priority: 40, label: "t", labels: { task: urgent }, retries: 2 },
    });
  });

  it("fails after three attempts, and is a dead letter then", async () => {
    const id = await home.submit(inference("  data: { items: [fail] }\n"));
    const record = await home.over(id);
    expect(record).toMatchObject({
      status: "FAILED",
      attempts: 3,
      max_attempts: 3,
      failed: true,
      completed: false,
    });
    expect(record["error"]).toContain("told to fail");
    const { text } = await home.ask("GET", "/api/v1/dead_letters");
    expect((JSON.parse(text) as { task_id: string }[]).map((each) => each.task_id)).toEqual([id]);
    const { counters } = (await home.ask("GET", "/metrics")).json as { counters: Record<string, number> };
    expect(counters).toMatchObject({ tasks_failed: 1, tasks_requeued: 2 });
  });
});

describe("stages and graphs", () => {
  it("hand on what came of earlier stages, with its type, whatever their destination", async () => {
    const id = await home.submit(
      documentOf(
        "echo",
        `  output: { destination: { type: local, path: staged } }
  greeting: "\${GREETING}, \${SECRET}"
  stages:
    - { name: first-one, spec: { n: 5, list: [{ word: deep }] } }
    - name: second
      spec:
        taskType: inference
        model: { source: { identifier: acme/speaker-1b } }
        data: { items: ["\${first-one.result.echo.list.0.word} and \${first-one.result.echo.n}"] }
    - { name: third, spec: { n: "\${first-one.result.echo.n}", said: "\${second.result.items[0].output}", from: "\${second.task_id}" } }
`,
        "flow",
      ),
    );
    const nodes = await nodesOf(id);
    const [first, second, third] = ["first-one", "second", "third"].map((name) => nodes.get(name));
    expect(second).toMatchObject({
      status: "DONE",
      depends_on: [first?.["task_id"]],
      dependents: [third?.["task_id"]],
    });
    expect(third?.["parsed"]).toMatchObject({ metadata: { name: "flow:third" } });
    const { result } = await home.result(String(third?.["task_id"]));
    expect(result).toMatchObject({
      echo: { n: 5, said: "DEEP AND 5", from: second?.["task_id"], greeting: `good day, \${SECRET}` },
    });
    const folder = join(home.host.paths.stateDir, "results", "staged", String(third?.["task_id"]));
    expect(existsSync(join(folder, "responses.json"))).toBe(true);
  });

  it("run nodes side by side, in any order of the document, and render what they came to", async () => {
    const id = await home.submit(
      documentOf(
        "echo",
        `  graph:
    nodes:
      - name: briefing
        dependsOn: [branch-a, branch-b]
        spec:
          taskType: inference
          model: speaker
          data:
            type: graph_template
            template:
              name: two_column_briefing
              options: { intro: [Today], closing: [Bye] }
              columns:
                - { label: A, expr: "branch-a.result.items[0].output" }
                - { label: B, node: branch-b, path: result.echo.word }
                - { label: C, node: branch-b, path: result.echo.none, default: nothing }
      - { name: branch-a, spec: { taskType: inference, model: speaker, data: { items: [left] } } }
      - { name: branch-b, spec: { word: right } }
`,
      ),
    );
    const nodes = await nodesOf(id);
    const briefing = nodes.get("briefing");
    expect(nodes.get("branch-b")).toMatchObject({ depends_on: [], task_type: "echo" });
    const { result } = await home.result(String(briefing?.["task_id"]));
    expect(result).toMatchObject({ items: [{ prompt: "Today\n• A: LEFT\n• B: right\n• C: nothing\nBye" }] });
  });

  it("render a text of their own", async () => {
    const id = await home.submit(
      documentOf(
        "echo",
        `  stages:
    - { name: a, spec: { word: x } }
    - name: b
      spec: { data: { type: graph_template, template: { text: "{col0_label} is {col0_value}", columns: [{ label: a, expr: a.result.echo.word }] } } }
`,
      ),
    );
    const b = (await nodesOf(id)).get("b");
    expect((await home.result(String(b?.["task_id"])))["result"]).toMatchObject({
      echo: { data: { items: ["a is x"] } },
    });
  });

  it("fail what depends on a task that failed, and nothing else", async () => {
    const id = await home.submit(
      documentOf(
        "echo",
        `  graph:
    nodes:
      - { name: bad, spec: { word: "x" } }
      - { name: wrong, dependsOn: [bad], spec: { word: "\${bad.result.echo.nothing.there}" } }
      - { name: after, dependsOn: [wrong] }
      - { name: beside }
`,
      ),
    );
    const nodes = await nodesOf(id);
    expect(nodes.get("wrong")?.["error"]).toContain("bad has nothing at result.echo.nothing.there");
    expect(nodes.get("after")).toMatchObject({ status: "FAILED", error: "wrong failed", attempts: 0 });
    expect(nodes.get("beside")).toMatchObject({ status: "DONE" });
  });
});

describe("training, shards and results", () => {
  it("are done by the runtime that is set for the type, with their files in the results folder", async () => {
    const artifacts =
      "  output: { destination: { type: local, path: runs/one }, artifacts: [adapter.bin, { path: logs }, missing.bin] }\n";
    const id = await home.submit(documentOf("lora_sft", `  lora: { r: 4 }\n${artifacts}`));
    expect((await home.result(id))["result"]).toMatchObject({ task_id: id, training_successful: true });
    expect(await home.over(id)).toMatchObject({ category: "training" });
    const folder = join(home.host.paths.stateDir, "results", "runs", "one", id);
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Record<
      string,
      unknown
    >[];
    const entry = manifest.find((each) => each["name"] === "adapter.bin");
    const bytes = readFileSync(join(folder, "artifacts", "adapter.bin"));
    expect(entry).toMatchObject({
      path: "artifacts/adapter.bin",
      status: "present",
      size: bytes.length,
      sha256: sha256Of(bytes),
    });
    expect(Object.keys(entry ?? {}).sort()).toEqual([
      "name",
      "path",
      "required",
      "sha256",
      "size",
      "status",
      "type",
      "updated_at",
    ]);
    expect(manifest.find((each) => each["name"] === "missing.bin")).toMatchObject({
      status: "missing",
      sha256: null,
    });
    expect(manifest.map((each) => each["name"])).toContain("responses.json");
    expect(existsSync(join(folder, "logs"))).toBe(true);
    expect((await home.ask("GET", `/api/v1/results/${id}/files/adapter.bin`)).text).toBe(
      "weights of lora_sft",
    );
  });

  it("are split where that is asked for, and merged in order", async () => {
    const id = await home.submit(
      documentOf(
        "sft",
        "  parallel: { enabled: true, max_shards: 3 }\n  data: { items: [a, b, c, d, e, f, g] }\n",
      ),
    );
    const { result } = await home.result(id);
    expect((await home.over(id))["jobs"]).toHaveLength(3);
    expect((result as { items: { index: number; output: string }[] }).items).toEqual(
      ["a!", "b!", "c!", "d!", "e!", "f!", "g!"].map((output, index) => ({ index, output })),
    );
    expect(result).toMatchObject({ usage: { total_tokens: 7, latency_sec: 1 } });
  });

  it("wait for hardware that is not there, and say for what", async () => {
    const gpu = documentOf("echo").replace(
      "memory: 1Gi",
      "memory: 1Gi, gpu: { count: 1, type: H200, memory: 80Gi }",
    );
    const id = await home.submit(gpu);
    await expect
      .poll(async () => (await home.ask("GET", `/api/v1/tasks/${id}`)).json)
      .toMatchObject({
        status: "PENDING",
        error: "it waits for 1 GPU of type H200 with 80Gi; this host has 0",
      });
    const small = documentOf("echo").replace(
      "memory: 1Gi",
      "memory: 16GiB, gpu: { count: 1, type: virtual, memory: 8Gi }",
    );
    expect((await home.over(await home.submit(small)))["status"]).toBe("DONE");
  });
});
