import type { Host } from "./host.ts";

/** How the worker of a test runtime is treated. */
export interface EchoOptions {
  readonly vram?: string;
  readonly mode?: "exclusive" | "shared";
  readonly slots?: number;
  readonly keepAlive?: string;
  readonly gpus?: number;
  /** Its program leaves so much later than it could. */
  readonly leavesAfterMs?: number;
  /** Params that run times are learned by. */
  readonly estimateBy?: readonly string[];
}

const HANDLER = `
import time
from orch_sdk import serve

class Handler:
    def load(self, params):
        self.voice = params.get("voice", "")
        if self.voice == "broken":
            raise RuntimeError("the voice is broken")

    def run(self, params, ctx):
        ctx.log("hears " + params["text"])
        if params.get("save"):
            ctx.save("said.txt", params["text"].encode())
        if params.get("fail"):
            raise ValueError("told to fail")
        until = time.monotonic() + params.get("seconds", 0)
        while time.monotonic() < until:
            if ctx.cancelled:
                return None
            ctx.progress(0.5, "half way")
            time.sleep(0.02)
        return {"text": params["text"], "voice": self.voice}

serve(Handler())
`;

/** Adds a resident runtime that says what it was told: params text, seconds, save, fail; load param voice. */
export function addEchoRuntime(
  host: Pick<Host, "addRuntime">,
  name: string,
  options: EchoOptions = {},
): void {
  const {
    vram = "8GiB",
    mode = "exclusive",
    slots = 1,
    keepAlive = "5m",
    gpus = 1,
    leavesAfterMs = 0,
    estimateBy = [],
  } = options;
  const lingering = `trap "" TERM; python3 handler.py; sleep ${leavesAfterMs / 1000}`;
  const command = leavesAfterMs === 0 ? ["python3", "handler.py"] : ["sh", "-c", lingering];
  host.addRuntime(
    name,
    `name: ${name}
summary: says what it was told
protocol: orch
command: ${JSON.stringify(command)}
gpu: { count: ${gpus}, vram: ${vram}, mode: ${mode} }
slots: ${slots}
keepAlive: ${keepAlive}
timeouts: { ready: 30s, job: 1m, stop: 5s }
params:
  text: { type: string, required: true, help: what to say }
  seconds: { type: number, default: 0, min: 0 }
  save: { type: boolean, default: false }
  fail: { type: boolean, default: false }
  voice: { type: string, default: "", load: true }
estimateBy: [${estimateBy.join(", ")}]
outputs: [text/plain]
`,
    { "handler.py": HANDLER },
  );
}
