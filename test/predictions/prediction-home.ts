import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeKey, urlOf } from "../gateway/door.ts";
import type { DaemonProcess, OrchHome } from "../kit/orch-home.ts";

const YAML = `name: say
summary: says what it was told
protocol: exec
gpu: { count: 0 }
command: [python3, say.py]
timeouts: { job: 1m, stop: 2s }
params:
  text: { type: string, required: true, help: what to say }
  times: { type: integer, default: 1, min: 1, max: 5 }
  until: { type: string, default: "", help: a file that has to be there before it ends }
  fail: { type: boolean, default: false }
  save: { type: boolean, default: false }
  image: { type: file, accept: [image/*, text/plain] }
outputs: [text/plain]
`;

/** A program that reads its params, writes, waits, and says what came of it. */
const PROGRAM = `
import json, os, sys, time
params = json.load(open(os.environ["ORCH_PARAMS"]))
def event(**fields):
    with open(os.environ["ORCH_EVENTS"], "a") as events:
        events.write(json.dumps(fields) + "\\n")
print("hears " + params["text"], flush=True)
event(type="progress", fraction=0.5, text="half way")
while params["until"] and not os.path.exists(params["until"]):
    time.sleep(0.02)
print("goes on", flush=True)
if params["fail"]:
    sys.exit("told to fail")
if params["save"]:
    with open(os.path.join(os.environ["ORCH_OUTPUT_DIR"], "said.txt"), "w") as file:
        file.write(params["text"])
elif params.get("image"):
    with open(params["image"], "rb") as file:
        event(type="output", output={"text": params["text"], "bytes": len(file.read())})
elif params["times"] > 1:
    event(type="output", output=[params["text"]] * params["times"])
else:
    event(type="output", output=params["text"])
`;

export interface PredictionHome {
  readonly daemon: DaemonProcess;
  readonly url: string;
  readonly key: string;
  /** Path for the param \`until\`, and what makes it be there. */
  readonly gate: string;
  openGate(): void;
}

/** Starts a daemon with a gateway, a key and the runtime \`say\`. @param allow places that it may go to @param more lines of config.yaml */
export async function startPredictions(
  home: OrchHome,
  allow: readonly string[] = [],
  more = "",
): Promise<PredictionHome> {
  home.write(
    "config.yaml",
    `gateway:\n  listen: 127.0.0.1:0\n  fetch: { allow: ${JSON.stringify(allow)} }\n${more}`,
  );
  home.write("runtimes/say/runtime.yaml", YAML);
  home.write("runtimes/say/say.py", PROGRAM);
  home.write("runtimes/embed/runtime.yaml", YAML.replace("name: say", "name: embed"));
  home.write("runtimes/embed/say.py", PROGRAM);
  const daemon = await home.daemon();
  const key = await makeKey(home, "client");
  const gate = join(home.dir, "gate", "open");
  return {
    ...{ daemon, key, gate, url: await urlOf(home) },
    openGate() {
      mkdirSync(join(home.dir, "gate"), { recursive: true });
      writeFileSync(gate, "");
    },
  };
}
