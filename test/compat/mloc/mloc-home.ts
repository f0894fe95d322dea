import { type Answer, type Asking, ask } from "../../gateway/door.ts";
import { type Host, type HostOptions, startHost } from "../../kit/host.ts";
import { until } from "../../kit/until.ts";

/** Answers prompts: what it was told, in capitals. Fails what says so; waits where it is told to. */
const SPEAKER = `
import os, time
from orch_sdk import serve

class Speaker:
    def load(self, params):
        self.model = params.get("model", "")

    def run(self, params, ctx):
        prompt = params["prompt"]
        ctx.log("hears " + prompt)
        if "fail" in prompt:
            raise ValueError("told to fail")
        while "hold" in prompt and not os.path.exists(os.path.join(os.path.dirname(__file__), "go")):
            time.sleep(0.02)
        said = params.get("system", "") + prompt.upper()
        return {"text": said, "finishReason": "length" if params["max_tokens"] < 5 else "stop",
                "usage": {"prompt_tokens": len(prompt), "completion_tokens": params["max_tokens"]}}

serve(Speaker())
`;

/** Takes tasks whole: trains for as long as it is told. */
const TRAINER = `
from orch_sdk import serve

class Trainer:
    def load(self, params):
        pass

    def run(self, params, ctx):
        task = params["task"]
        spec = task["spec"]
        ctx.save("adapter.bin", b"weights of " + task["taskType"].encode())
        items = [{"index": at, "output": str(item) + "!"} for at, item in enumerate(spec.get("data", {}).get("items", []))]
        return {"task_id": task["task_id"], "training_successful": True, "ok": True, "items": items,
                "usage": {"total_tokens": len(items), "latency_sec": 1}}

serve(Trainer())
`;

const runtimeYaml = (name: string, params: string): string => `name: ${name}
summary: a runtime of these tests
protocol: orch
command: [python3, handler.py]
gpu: { count: 0 }
slots: 4
keepAlive: 5m
timeouts: { ready: 30s, job: 1m, stop: 5s }
params:
${params}`;

export interface MlocHome extends AsyncDisposable {
  readonly host: Host;
  /** Where it listens. */
  url(): Promise<string>;
  /** Asks the task system. */
  ask(method: "GET" | "POST", path: string, asking?: Asking): Promise<Answer>;
  /** Submits a document as curl does; gives the id of its first task. */
  submit(document: string): Promise<string>;
  /** The record of a task once it is over. */
  over(id: string): Promise<Record<string, unknown>>;
  /** What is stored of a finished task. */
  result(id: string): Promise<Record<string, unknown>>;
}

/** A daemon that stands in for the task system, with two small runtimes. @param more lines of its settings, or of config.yaml */
export async function startMloc(
  mloc = "open: true",
  more = "",
  options: HostOptions = {},
): Promise<MlocHome> {
  const host = await startHost({
    gpus: "virtual:1x24GiB",
    ...options,
    config: `gateway:
  listen: 127.0.0.1:0
  compat:
    mloc: { listen: "127.0.0.1:0", ${mloc} }
${more}`,
  });
  host.addRuntime(
    "speaker",
    runtimeYaml(
      "speaker",
      `  model: { type: string, load: true, default: acme/speaker-1b }
  prompt: { type: string, required: true }
  system: { type: string, default: "" }
  max_tokens: { type: integer, default: 7, min: 1 }
  temperature: { type: number, default: 1 }
`,
    ),
    { "handler.py": SPEAKER },
  );
  host.addRuntime("trainer", runtimeYaml("trainer", "  task: { type: json, required: true }\n"), {
    "handler.py": TRAINER,
  });
  const url = (): Promise<string> =>
    until("the task system listens", async () => {
      const { gateway } = await host.client.call("GET /keys", {});
      return gateway?.others[0]?.url ?? null;
    });
  const home: MlocHome = {
    host,
    url,
    ask: async (method, path, asking = {}) => ask(await url(), { ...asking, method, path }),
    async submit(document) {
      const answer = await home.ask("POST", "/api/v1/tasks", {
        body: document,
        headers: { "content-type": "text/yaml" },
      });
      if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
      return String(answer.json["task_id"]);
    },
    over: (id) =>
      until(
        `task ${id} is over`,
        async () => {
          const { json } = await home.ask("GET", `/api/v1/tasks/${id}`);
          return json["status"] === "DONE" || json["status"] === "FAILED" ? json : null;
        },
        40_000,
      ),
    async result(id) {
      const record = await home.over(id);
      if (record["status"] !== "DONE") throw new Error(`the task failed: ${String(record["error"])}`);
      return (await home.ask("GET", `/api/v1/results/${id}`)).json;
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
  return home;
}

/** A document of one task: `spec` are lines of it. */
export function documentOf(type: string, spec = "", name = "t"): string {
  return `apiVersion: mloc/v1
kind: Task
metadata: { name: ${name} }
spec:
  taskType: ${type}
  resources: { replicas: 1, hardware: { cpu: 1, memory: 1Gi } }
${spec}`;
}
