import fs from "node:fs";
import path from "node:path";

export interface NoopRuntime {
  readonly name: string;
  readonly slots: number;
  /** Where its workers write when they started, had loaded, ran a job and were told to stop; null = nowhere. */
  readonly timesFile: string | null;
  /** "16GiB"; all of a GPU when left out. */
  readonly vram?: string;
}

/** Installs a runtime whose jobs do nothing, made with the SDK that all Python runtimes use. */
export function installNoop(home: string, { name, slots, timesFile, vram = "all" }: NoopRuntime): void {
  const dir = path.join(home, "runtimes", name);
  fs.mkdirSync(dir, { recursive: true });
  const start =
    timesFile === null
      ? "exec python3 handler.py"
      : `${dateCommand(timesFile, name)}; exec python3 handler.py`;
  fs.writeFileSync(
    path.join(dir, "runtime.yaml"),
    `name: ${name}
summary: does nothing
gpu: { count: 1, mode: exclusive, vram: ${vram} }
command: [sh, -c, ${JSON.stringify(start)}]
slots: ${slots}
keepAlive: 10m
params:
  prompt: { type: string, default: "" }
`,
  );
  fs.writeFileSync(path.join(dir, "handler.py"), handler(name, timesFile));
}

/** The time before Python itself starts, which belongs to the program's loading. */
function dateCommand(timesFile: string, name: string): string {
  return `echo "$(date +%s%3N) ${name} started" >> ${timesFile}`;
}

function handler(name: string, timesFile: string | null): string {
  const note =
    timesFile === null
      ? "pass"
      : `open(${JSON.stringify(timesFile)}, "a").write(f"{time.time() * 1000} ${name} {what}\\n")`;
  return `import time
from orch_sdk import serve

def note(what):
    ${note}

class Handler:
    def load(self, params):
        note("loaded")
    def run(self, params, ctx):
        note("running")
    def unload(self):
        note("stopping")

serve(Handler())
`;
}
