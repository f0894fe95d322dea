import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { type Podman, preparePodman } from "../kit/podman.ts";
import { until } from "../kit/until.ts";
import { submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const found = await preparePodman();
const why = typeof found === "string" ? found : null;

const HANDLER = `import os
import time

from orch_sdk import serve

print("begins", flush=True)


class Handler:
    def run(self, params, ctx):
        ctx.log("runs as " + str(os.getuid()))
        secret = open(os.environ["CANARY_FILE"]).read() if "CANARY_FILE" in os.environ else None
        while params["until"] and not os.path.exists(params["until"]):
            time.sleep(0.02)
        ctx.save("said.txt", b"said")
        return {"secret": secret, "sees": sorted(os.listdir(os.path.dirname(os.environ["ORCH_SOCKET"])))}


serve(Handler())
`;

const COPIER = `import os

from orch_sdk import serve


class Handler:
    def run(self, params, ctx):
        with open(params["file"], "rb") as file:
            ctx.save("copies/one.txt", b"copy " + file.read())
        return {"name": os.path.basename(params["file"])}


serve(Handler())
`;

const ONCE = `import os
import sys
import time

from orch_sdk import job

with job() as task:
    print("on its way", flush=True)
    while not os.path.exists(task.params["until"]):
        time.sleep(0.02)
    task.output({"index": os.environ.get("ORCH_ATTEMPT")})
sys.exit(7)
`;

/** A runtime whose image is the one for tests, with the host's Python and a folder of the home at /app. */
function addBoxed(home: OrchHome, podman: Podman, name: string, program: string, more: string): void {
  const dir = join(home.dir, "runtimes", name);
  home.write(`runtimes/${name}/main.py`, program);
  mkdirSync(join(home.dir, "shared"), { recursive: true });
  const mounts = podman.pythonMounts.replace(
    "mounts: [",
    `mounts: [{ host: ${dir}, path: /app, readOnly: true }, { host: ${home.dir}/shared, path: /shared }, `,
  );
  home.write(
    `runtimes/${name}/runtime.yaml`,
    `name: ${name}
engine: container
image: ${podman.image}
command: [python3, /app/main.py]
timeouts: { ready: 20s, stop: 5s }
params: { until: { type: string, default: "" } }
${mounts}${more}`,
  );
}

const GPU = "gpu: { count: 1, vram: 600MiB }\n";

describe.skipIf(why !== null)(`workers in containers${why === null ? "" : ` (skipped: ${why})`}`, () => {
  if (typeof found === "string") return;
  const podman = found;
  const instances = new Set<string>();
  const start = async (): Promise<OrchHome & AsyncDisposable> => {
    const home = createHome();
    home.write("config.yaml", podman.config);
    await home.daemon();
    instances.add((await home.client.call("GET /status", {})).instance);
    return home;
  };
  const instanceOf = async (home: OrchHome): Promise<string> =>
    (await home.client.call("GET /status", {})).instance;
  const untilContainers = (instance: string, count: number): Promise<string[]> =>
    until(`there are ${count} containers`, async () => {
      const names = await podman.containersOf(instance);
      return names.length === count ? names : null;
    });
  afterAll(async () => {
    for (const instance of instances) {
      const names = await podman.containersOf(instance);
      if (names.length > 0) await podman.call("rm", "-f", "-t", "0", ...names);
    }
  });

  it("run jobs with their secrets, and leave nothing", async () => {
    await using home = await start();
    addBoxed(home, podman, "boxed", HANDLER, `${GPU}secrets: [CANARY]\n`);
    home.write("secrets/CANARY", "c4n4ry-value\n", 0o400);
    const job = await submit(home, "boxed");
    const done = await untilOver(home, job);
    expect(done).toMatchObject({ state: "succeeded", output: { secret: "c4n4ry-value", sees: ["s"] } });
    expect(done.artifacts).toMatchObject([{ name: "said.txt" }]);
    expect((await home.orch(["logs", String(job)])).stdout).toContain(`runs as ${process.getuid?.()}`);
    const [name = ""] = await untilContainers(await instanceOf(home), 1);
    const inspected = await podman.call("inspect", name);
    expect(inspected).toContain("CANARY_FILE=/run/secrets/CANARY");
    expect(inspected).not.toContain("c4n4ry");
    expect((await home.orch(["workers", "stop", "boxed-1"])).code).toBe(0);
    await untilContainers(await instanceOf(home), 0);
    await until("its secrets are gone", () => !existsSync(join(home.dir, "run", "c1")));
  });

  it("get the files of their jobs, and what they save becomes the jobs' output", async () => {
    await using home = await start();
    addBoxed(home, podman, "copier", COPIER, "");
    const yaml = join(home.dir, "runtimes/copier/runtime.yaml");
    writeFileSync(
      yaml,
      readFileSync(yaml, "utf8").replace(/^params: .*$/m, "params: { file: { type: file, required: true } }"),
    );
    const file = join(home.dir, "a picture.txt");
    writeFileSync(file, "seen");
    for (const text of ["seen", "seen again"]) {
      writeFileSync(file, text);
      const job = await submit(home, "copier", "--file", file);
      expect(await untilOver(home, job)).toMatchObject({
        state: "succeeded",
        output: { name: "a picture.txt" },
      });
      const { outputDir, artifacts } = await home.client.call("GET /jobs/:job", { job });
      expect(artifacts).toMatchObject([{ name: "copies/one.txt", bytes: text.length + 5 }]);
      expect(readFileSync(join(outputDir, "copies/one.txt"), "utf8")).toBe(`copy ${text}`);
    }
    const { workers } = await home.client.call("GET /workers", {});
    const files = join(home.dir, "state/workers", `${workers[0]?.id}.files`);
    expect(readdirSync(files), "nothing of a job that is over is left to the next").toEqual([]);
  });

  it("go on when the daemon is killed, and what ended meanwhile is known [fault 4]", async () => {
    await using home = createHome();
    home.write("config.yaml", podman.config);
    addBoxed(home, podman, "boxed", HANDLER, "gpu: { count: 0 }\n");
    addBoxed(home, podman, "once", ONCE, "gpu: { count: 0 }\nprotocol: exec\n");
    const first = await home.daemon();
    instances.add(await instanceOf(home));
    const resident = await submit(home, "boxed", "--until", "/shared/go");
    const once = await submit(home, "once", "--until", "/shared/go-once");
    await untilState(home, resident, "running");
    await untilState(home, once, "running");
    await untilContainers(await instanceOf(home), 2);
    const orphan = `orch-${await instanceOf(home)}-999`;
    const label = `io.orch.instance=${await instanceOf(home)}`;
    await first.kill();
    await podman.call(
      "run",
      "-d",
      "--name",
      orphan,
      "--label",
      label,
      "--network=none",
      ...podman.runArgs,
      podman.image,
      "sleep",
      "100",
    );
    home.write("shared/go-once", "");
    await until("the one has ended", async () => {
      const running = await podman.call("ps", "--filter", `label=${label}`, "--format", "{{.Names}}");
      return running.split("\n").length === 2;
    });
    await home.daemon();
    expect(await podman.containersOf(await instanceOf(home))).not.toContain(orphan);
    expect(await untilOver(home, once)).toMatchObject({ state: "failed", exitCode: 7, attempts: 1 });
    expect((await untilState(home, resident, "running")).attempts).toBe(1);
    home.write("shared/go", "");
    expect(await untilOver(home, resident)).toMatchObject({ state: "succeeded", attempts: 1 });
    expect((await home.orch(["down", "--kill"])).code).toBe(0);
    expect(await podman.containersOf(label.slice(17))).toEqual([]);
  });

  it("whose image is missing say so in the engine's words; one with a Dockerfile is built", async () => {
    await using home = await start();
    home.write(
      "runtimes/none/runtime.yaml",
      "name: none\nengine: container\nimage: localhost/none:1\ngpu: { count: 0 }\n",
    );
    home.write(
      "runtimes/made/runtime.yaml",
      "name: made\nengine: container\nimage: localhost/orch-test-made:1\nbuild: .\ngpu: { count: 0 }\n",
    );
    home.write("runtimes/made/Dockerfile", `FROM ${podman.image}\nENV MADE=1\n`);
    const job = await submit(home, "none");
    await until("the reason is told", async () => {
      const { reason } = await home.client.call("GET /jobs/:job", { job });
      return reason?.text.includes("localhost/none:1 of none could not be pulled");
    });
    const built = await home.orch(["runtimes", "build", "made"]);
    expect(built).toMatchObject({ code: 0, stdout: "localhost/orch-test-made:1\n" });
    expect(built.stderr).toMatch(/STEP 2\/2: ENV MADE=1/);
    expect((await home.orch(["runtimes", "build", "none"])).stderr).toMatch(/localhost\/none:1 is pulled/);
    home.write("runtimes/made/Dockerfile", "FROM scratch\nCOPY nowhere /\n");
    const broken = await home.orch(["runtimes", "build", "made"]);
    expect(broken.code).toBe(125);
    expect(broken.stderr).toMatch(/could not be built from/);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "get their GPU by its CDI name, and fail loudly when they do not see it [fault 39]",
    async () => {
      await using home = await start();
      const { gpus } = await home.client.call("GET /gpus", {});
      const uuid = gpus[0]?.uuid ?? "";
      const device = `orch-fake-${process.pid}`;
      const spec = join("/etc/cdi", `${device}.json`);
      const node = { path: `/dev/${device}`, hostPath: "/dev/null", type: "c", major: 1, minor: 3 };
      const devices = [{ name: uuid, containerEdits: { deviceNodes: [node] } }];
      mkdirSync("/etc/cdi", { recursive: true });
      writeFileSync(spec, JSON.stringify({ cdiVersion: "0.5.0", kind: "nvidia.com/gpu", devices }));
      try {
        const path = 'PATH: "/shared:';
        addBoxed(home, podman, "seeing", HANDLER, `${GPU}keepAlive: 0s\n`);
        const job = await submit(home, "seeing");
        expect(await untilOver(home, job)).toMatchObject({ state: "succeeded" });
        // A reload of systemd takes the right to open the device away, and leaves the container running.
        const tool = (...lines: string[]) =>
          home.write("shared/nvidia-smi", ["#!/bb/sh", ...lines, ""].join("\n"), 0o755);
        tool(`echo "GPU 0: fake (UUID: ${uuid})"`);
        addBoxed(home, podman, "losing", HANDLER, `${GPU}checkEvery: 1s\n`);
        const file = join(home.dir, "runtimes/losing/runtime.yaml");
        writeFileSync(file, readFileSync(file, "utf8").replace('PATH: "', path));
        const losing = await submit(home, "losing", "--until", "/shared/go");
        await untilState(home, losing, "running");
        const blind =
          'if [ "$ORCH_WORKER" = 2 ]; then echo Failed to initialize NVML: Unknown Error; exit 255; fi';
        tool(blind, `echo "GPU 0: fake (UUID: ${uuid})"`);
        await until("another worker has the job", async () => {
          const { worker, attempts } = await home.client.call("GET /jobs/:job", { job: losing });
          return worker === "losing-3" && attempts === 2;
        });
        home.write("shared/go", "");
        expect(await untilOver(home, losing)).toMatchObject({ state: "succeeded" });
        tool("echo Failed to initialize NVML: Unknown Error", "exit 255");
        expect((await home.orch(["workers", "stop", "losing-3"])).code).toBe(0);
        const never = await submit(home, "losing");
        await until("the reason is told", async () => {
          const { reason } = await home.client.call("GET /jobs/:job", { job: never });
          return reason?.text.includes("does not see its GPU: Failed to initialize NVML");
        });
      } finally {
        rmSync(spec);
      }
    },
  );
});
