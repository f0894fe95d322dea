import type { OrchHome } from "../kit/orch-home.ts";

const HANDLER = `import os
import time

from orch_sdk import serve


class Handler:
    def run(self, params, ctx):
        if params.get("crash") and not os.path.exists(params["crash"]):
            open(params["crash"], "w").close()
            os._exit(9)
        if params.get("deadly"):
            os._exit(9)
        ctx.log("began " + params["tag"])
        end = time.monotonic() + params["ms"] / 1000
        while time.monotonic() < end or ("until" in params and not os.path.exists(params["until"])):
            if ctx.cancelled:
                return None
            time.sleep(0.01)
        ctx.save("said.txt", params["tag"].encode())
        return {"tag": params["tag"]}


serve(Handler())
`;

const PARAMS = `params:
  ms: { type: integer, default: 0 }
  tag: { type: string, default: none }
  crash: { type: string, help: file that is made before the first crash }
  until: { type: string, help: file before which it does not end }
  deadly: { type: boolean, default: false }
`;

/** Two resident runtimes that do not fit on a GPU of 1 GiB together: `left` and `right`. */
export function addResidents(home: OrchHome, keepAlive = "5m"): void {
  for (const name of ["left", "right"]) {
    addRuntime(home, name, ["python3", "handler.py"], { keepAlive, params: PARAMS });
    home.write(`runtimes/${name}/handler.py`, HANDLER);
  }
}

export interface RuntimeOptions {
  readonly protocol?: "orch" | "exec";
  readonly keepAlive?: string;
  readonly ready?: string;
  readonly stop?: string;
  readonly vram?: string;
  readonly params?: string;
}

/** A runtime whose program is `command`. */
export function addRuntime(
  home: OrchHome,
  name: string,
  command: readonly string[],
  options: RuntimeOptions = {},
): void {
  const {
    protocol = "orch",
    keepAlive = "5m",
    ready = "20s",
    stop = "5s",
    vram = "600MiB",
    params = "",
  } = options;
  home.write(
    `runtimes/${name}/runtime.yaml`,
    `name: ${name}
protocol: ${protocol}
command: ${JSON.stringify(command)}
keepAlive: ${keepAlive}
gpu: { count: 1, vram: ${vram}, mode: exclusive }
timeouts: { ready: ${ready}, stop: ${stop} }
${params}`,
  );
}
