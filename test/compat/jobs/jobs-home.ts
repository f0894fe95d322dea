import { join } from "node:path";
import { type Answer, type Asking, ask } from "../../gateway/door.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";

export const APPS = `apps:
  - id: sdxl-image-gen
    name: SDXL
    type: local
    queue: sdxl
    description: pictures
    gpu_vram_gb: 0.5
    docker_image: registry.example/painter:1.2
    timeout_seconds: 60
    frontend_url: http://localhost:3000/sdxl
    parameters:
      - { name: prompt, type: string, required: true, description: what to draw }
      - { name: width, type: integer, required: false, default: 1024 }
      - { name: height, type: integer, required: false, default: 1024 }
      - { name: num_inference_steps, type: integer, required: false, default: 50 }
      - { name: guidance_scale, type: float, default: 7.5 }
      - { name: seed, type: integer, default: 42 }
  - { id: z-image, name: Z-Image, type: local, gpu_vram_gb: 0.6 }
  - { id: slow, name: Slow, type: local, docker_image: waiter }
  - { id: homeless, name: Homeless, type: local }
`;

export const WORKERS = `workers:
  painter-worker: { app_id: sdxl-image-gen, queue: sdxl, vram_required_gb: 0.5, startup_time_seconds: 1 }
  z-worker: { app_id: z-image, queue: z }
settings: { exclusive_mode: true, idle_timeout: 300, max_startup_wait: 120, max_shutdown_wait: 30 }
`;

const PAINTER = `name: painter
gpu: { count: 1, vram: 512MiB }
command: [python3, handler.py]
params:
  prompt: { type: string, required: true }
  width: { type: integer, default: 512 }
  height: { type: integer, default: 512 }
  steps: { type: integer, default: 30 }
  guidance: { type: number, default: 5 }
  seed: { type: integer }
`;

const PAINT = `from orch_sdk import serve
class Handler:
    def load(self, params): pass
    def run(self, params, ctx):
        if params["prompt"] == "fail": raise RuntimeError("no such colour")
        ctx.save("image.png", b"\\x89PNG of " + params["prompt"].encode(), "image/png")
        return {"status": "done", "deep": [{"status": "x"}], "asked": params}
serve(Handler)
`;

const Z = `name: z-image
gpu: { count: 1, vram: 600MiB }
command: [python3, handler.py]
params:
  prompt: { type: string, required: true }
  width: { type: integer }
  height: { type: integer }
  steps: { type: integer }
  seed: { type: integer }
`;

const WAITER = `name: waiter
gpu: { count: 0 }
command: [python3, handler.py]
params:
  file: { type: string, required: true }
`;

const WAIT = `import os, time
from orch_sdk import serve
class Handler:
    def load(self, params): pass
    def run(self, params, ctx):
        open(params["file"] + ".began", "w").close()
        while not os.path.exists(params["file"]):
            if ctx.cancelled:
                open(params["file"] + ".stopped", "w").close()
                return
            time.sleep(0.01)
        return {"waited": True}
serve(Handler)
`;

/** Puts the runtimes and files of a job orchestrator into a home, and a config that serves its clients. */
export function writeJobs(home: OrchHome, more = "", apps = APPS): void {
  const runtime = (name: string, yaml: string, handler: string): void => {
    home.write(`runtimes/${name}/runtime.yaml`, yaml);
    home.write(`runtimes/${name}/handler.py`, handler);
  };
  runtime("painter", PAINTER, PAINT);
  runtime("z-image", Z, PAINT);
  runtime("waiter", WAITER, WAIT);
  home.write("old/apps.yaml", apps);
  home.write(
    "config.yaml",
    `gateway:
  listen: 127.0.0.1:0
  compat:
    jobs:
      listen: 127.0.0.1:0
      open: true
      registry: ${join(home.dir, "old/apps.yaml")}
${more}`,
  );
}

/** Asks the job orchestrator of a home. */
export type AskJobs = (path: string, asking?: Asking) => Promise<Answer>;

/** Where the job orchestrator listens, once it does. */
export async function askJobs(home: OrchHome): Promise<AskJobs> {
  const url = await until("the job orchestrator listens", async () => {
    const { gateway } = await home.client.call("GET /keys", {});
    return gateway?.others[0]?.url ?? null;
  });
  return (path, asking) => ask(url, { ...asking, path });
}

/** Submits a job, and gives its id. */
export async function submitJob(asked: AskJobs, app: string, params: object): Promise<string> {
  const answer = await asked("/submit", { method: "POST", body: { app_id: app, params } });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return String(answer.json["job_id"]);
}

/** Waits for the end of a job, as clients do: by asking. */
export function untilEnded(asked: AskJobs, id: string): Promise<Answer> {
  return until(
    `job ${id} has ended`,
    async () => {
      const answer = await asked(`/status/${id}`);
      return /"status":"(COMPLETED|FAILED)"/.test(answer.text) ? answer : null;
    },
    40_000,
  );
}
