import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { OrchHome } from "../kit/orch-home.ts";
import type { Podman } from "../kit/podman.ts";

// The programs that orch runs in the kill tests. They tell on their own what happens to them, without asking orch:
// each holds a lock for its job and for its GPU while it lives, and whoever finds a lock taken writes a violation.

/** $1 world, $2 seconds to take, $3 exit code. */
const COMMAND = `#!/bin/sh
world=$1
exec 8>>"$world/locks/job-$ORCH_JOB"
flock -n 8
# 1 = somebody has it. A flock that was killed itself says nothing.
[ $? -ne 1 ] || echo "I1: two programs of job $ORCH_JOB run at once" >>"$world/violations"
if [ -n "$CUDA_VISIBLE_DEVICES" ]; then
  exec 9>>"$world/locks/$CUDA_VISIBLE_DEVICES"
  flock -n 9
  [ $? -ne 1 ] || echo "I2: job $ORCH_JOB got $CUDA_VISIBLE_DEVICES while another program is on it" >>"$world/violations"
  echo "$ORCH_FENCE" >>"$world/fences/$CUDA_VISIBLE_DEVICES"
fi
echo "start $ORCH_WORKER $$" >>"$world/runs/$ORCH_JOB"
sleep "$2"
echo "end $ORCH_WORKER $$" >>"$world/runs/$ORCH_JOB"
exit "$3"
`;

const LOCKS = `import fcntl
import os

WORLD = os.environ["WORLD"]


def append(name, line):
    with open(os.path.join(WORLD, name), "a") as file:
        file.write(line + "\\n")


def lock(name, violation):
    file = open(os.path.join(WORLD, "locks", name), "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        append("violations", violation)
    return file


def take_gpu():
    gpu, worker = os.environ["CUDA_VISIBLE_DEVICES"], os.environ["ORCH_WORKER"]
    held = lock(gpu, f"I2: worker {worker} got {gpu} while another program is on it")
    append(os.path.join("fences", gpu), os.environ["ORCH_FENCE"])
    return held


def mark(what, job):
    append(os.path.join("runs", str(job)), f"{what} {os.environ['ORCH_WORKER']} {os.getpid()}")


def lock_job(job):
    return lock(f"job-{job}", f"I1: job {job} runs twice at once")
`;

const RESIDENT = `import os
import time

from locks import lock_job, mark, take_gpu
from orch_sdk import serve


class Handler:
    def load(self, params):
        self.gpu = take_gpu()

    def run(self, params, ctx):
        with lock_job(ctx.job_id):
            mark("start", ctx.job_id)
            end = time.monotonic() + params["ms"] / 1000
            while time.monotonic() < end and not ctx.cancelled:
                time.sleep(0.005)
            mark("end", ctx.job_id)
            return {"tag": params["tag"]}

    def unload(self):
        time.sleep(float(os.environ.get("UNLOAD_SECONDS", "0.2")))


serve(Handler())
`;

const EXEC = `import sys
import time

from locks import lock_job, mark, take_gpu
from orch_sdk import job

with job() as task:
    gpu, own = take_gpu(), lock_job(task.job_id)
    mark("start", task.job_id)
    time.sleep(task.params["ms"] / 1000)
    task.output({"tag": task.params["tag"]})
    mark("end", task.job_id)
sys.exit(task.params["code"])
`;

const PARAMS = `params:
  ms: { type: integer, required: true }
  tag: { type: string, required: true }
`;

/** Where the programs write, and how commands are to be submitted. */
export interface KillWorld {
  readonly dir: string;
  command(seconds: number, exitCode: number): string[];
}

/**
 * Puts the programs and the runtimes into a home: `alpha` and `beta` (resident processes), `once` (exec), and with a podman
 * `gamma`, `delta` and `omega`, the same in containers.
 */
export function layOutPrograms(home: OrchHome, podman: Podman | null = null): KillWorld {
  const dir = join(home.dir, "world");
  for (const name of ["locks", "runs", "fences"]) mkdirSync(join(dir, name), { recursive: true });
  const script = home.write("command.sh", COMMAND, 0o755);
  const env = `env: { WORLD: ${dir} }\n`;
  for (const name of ["alpha", "beta"]) layOutResident(home, name, "handler.py", env);
  if (podman !== null) {
    home.write("config.yaml", podman.config);
    const inside = inContainer(home, podman, dir);
    const at = (name: string, file: string) => join(home.dir, "runtimes", name, file);
    for (const name of ["gamma", "delta"]) layOutResident(home, name, at(name, "handler.py"), inside);
    layOutExec(home, "omega", at("omega", "once.py"), inside);
  }
  layOutExec(home, "once", "once.py", env);
  return { dir, command: (seconds, exitCode) => [script, dir, String(seconds), String(exitCode)] };
}

const GPU = "gpu: { count: 1, vram: 600MiB, mode: exclusive }\ntimeouts: { ready: 20s, stop: 5s }";

/** @param where lines of runtime.yaml that say where it runs, with which environment */
function layOutResident(home: OrchHome, name: string, program: string, where: string): void {
  const head = `name: ${name}\nprotocol: orch\ncommand: [python3, ${program}]\nkeepAlive: 5m`;
  home.write(`runtimes/${name}/runtime.yaml`, `${head}\n${GPU}\n${where}${PARAMS}`);
  home.write(`runtimes/${name}/handler.py`, RESIDENT);
  home.write(`runtimes/${name}/locks.py`, LOCKS);
}

function layOutExec(home: OrchHome, name: string, program: string, where: string): void {
  const head = `name: ${name}\nprotocol: exec\ncommand: [python3, ${program}]`;
  const code = "  code: { type: integer, default: 0 }\n";
  home.write(`runtimes/${name}/runtime.yaml`, `${head}\n${GPU}\n${where}${PARAMS}${code}`);
  home.write(`runtimes/${name}/once.py`, EXEC);
  home.write(`runtimes/${name}/locks.py`, LOCKS);
}

function inContainer(home: OrchHome, podman: Podman, world: string): string {
  const own = [join(home.dir, "runtimes"), world]
    .map((each) => `{ host: ${each}, path: ${each} }, `)
    .join("");
  const mounts = podman.pythonMounts.replace("mounts: [", `mounts: [${own}`);
  return `engine: container\nimage: ${podman.image}\n${mounts.replace("env: {", `env: { WORLD: ${world}, UNLOAD_SECONDS: "0.6",`)}`;
}
