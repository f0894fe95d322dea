import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCdiDevices } from "../../src/runtime/cdi.ts";
import { type ContainerHost, planContainerCommand } from "../../src/runtime/container-command.ts";
import type { LaunchContext } from "../../src/runtime/launch.ts";
import { expectFailure } from "./expect-failure.ts";
import { runtimeFrom } from "./runtime-from.ts";

const context: LaunchContext = {
  load: { model: "/models/a.bin" },
  gpuUuids: ["GPU-1", "GPU-2"],
  vramBytes: 4096,
  socketPath: "/run/orch/c7/io/s",
  port: null,
  fence: 41,
  workerId: 7,
  instanceId: "abc",
  sdkDir: "/opt/runtimes/sdk",
  pythonPath: null,
  baseEnv: { PATH: "/usr/bin:/bin", HOME: "/home/ada" },
  job: null,
};

const host: ContainerHost = {
  command: ["/usr/bin/docker"],
  kind: "docker",
  isRootless: false,
  uid: 1000,
  gid: 100,
  args: [],
  limits: { ramBytes: null, cpuCores: null, maxProcesses: null },
  env: {},
  gpuArgs: ["--device", "nvidia.com/gpu=GPU-1", "--device", "nvidia.com/gpu=GPU-2"],
  name: "orch-abc-7",
  idFile: "/state/7/cid",
  secretsDir: "/run/orch/c7/secrets",
  exchangeDir: "/state/workers/7.files",
};

const YAML = `
engine: container
image: orch/demo:1
mounts: [{ host: ~/.cache/hf, path: /root/.cache/hf }, { host: /data, path: /data, readOnly: true }]
secrets: [HF_TOKEN]
env: { MODE: fast }
params: { model: { type: file, load: true } }
`;

function argvOf(yaml: string, own: Partial<ContainerHost> = {}, about: Partial<LaunchContext> = {}) {
  const { argv } = planContainerCommand(runtimeFrom(yaml), { ...context, ...about }, { ...host, ...own });
  const valuesOf = (flag: string) => argv.filter((_argument, index) => argv[index - 1] === flag);
  return { argv, valuesOf };
}

describe("the command of a container", () => {
  test("says who it is, what it sees and what it may use", () => {
    const { argv, valuesOf } = argvOf(YAML);
    expect(argv.slice(0, 4)).toEqual(["/usr/bin/docker", "run", "--name", "orch-abc-7"]);
    expect(argv).toEqual(expect.arrayContaining(["--pull=never", "--log-driver=none", "--init"]));
    expect(argv).not.toContain("--rm");
    expect(argv.at(-1)).toBe("orch/demo:1");
    expect(valuesOf("--device")).toEqual(["nvidia.com/gpu=GPU-1", "nvidia.com/gpu=GPU-2"]);
    expect(valuesOf("--label")).toEqual(
      expect.arrayContaining(["io.orch.instance=abc", "io.orch.worker=7", "io.orch.fence=41"]),
    );
    expect(valuesOf("--volume")).toEqual([
      "/opt/runtimes/sdk:/opt/orch/sdk:ro",
      "/home/ada/.cache/hf:/root/.cache/hf",
      "/data:/data:ro",
      "/run/orch/c7/io:/run/orch/c7/io",
      "/state/workers/7.files:/state/workers/7.files",
      "/models/a.bin:/models/a.bin:ro",
      "/run/orch/c7/secrets:/run/secrets:ro",
    ]);
    expect(valuesOf("--env")).toEqual(
      expect.arrayContaining([
        "MODE=fast",
        "ORCH_FENCE=41",
        "PYTHONPATH=/opt/orch/sdk",
        "HF_TOKEN_FILE=/run/secrets/HF_TOKEN",
        "NVIDIA_VISIBLE_DEVICES=void",
      ]),
    );
    expect(valuesOf("--env").filter((value) => value.startsWith("HF_TOKEN="))).toEqual([]);
  });

  test("has the options of its runtime and of the host before the image", () => {
    const options = `container:
  args: [--cap-add=SYS_NICE]
  shmSize: 2GiB
  ulimits: { memlock: -1, nofile: "1024:4096" }
  init: false
  network: host
`;
    const limits = { ramBytes: 2 ** 30, cpuCores: 2, maxProcesses: 50 };
    const { argv, valuesOf } = argvOf(YAML + options, { args: ["--ulimit=nproc=9"], limits });
    expect(argv).toEqual(expect.arrayContaining([`--memory=${2 ** 30}`, "--cpus=2", "--pids-limit=50"]));
    expect(argv).not.toContain("--init");
    expect(argv).toContain("--network=host");
    expect(valuesOf("--shm-size")).toEqual([String(2 * 2 ** 30)]);
    expect(valuesOf("--ulimit")).toEqual(["memlock=-1", "nofile=1024:4096"]);
    expect(argv.slice(-3)).toEqual(["--ulimit=nproc=9", "--cap-add=SYS_NICE", "orch/demo:1"]);
  });

  test("runs as the daemon's user, whatever its number is inside", () => {
    expect(argvOf(YAML).valuesOf("--user")).toEqual(["1000:100"]);
    const rootless = argvOf(YAML, { kind: "podman", isRootless: true });
    expect(rootless.valuesOf("--user")).toEqual([]);
    expect(rootless.argv).toContain("--userns=keep-id");
    expect(argvOf(YAML, { isRootless: true }).valuesOf("--user")).toEqual([]);
    expect(argvOf(`${YAML}container: { user: image }\n`).valuesOf("--user")).toEqual([]);
    expect(argvOf(`${YAML}container: { user: "5:6" }\n`).valuesOf("--user")).toEqual(["5:6"]);
  });

  test("publishes a server on the loopback address alone, and tells it the port inside", () => {
    const server =
      "engine: container\nimage: x\nprotocol: openai\nserver: { port: 8000 }\ncommand: ['--port={port}']\n";
    const own = argvOf(server, {}, { socketPath: null, port: 40001 });
    expect(own.valuesOf("--publish")).toEqual(["127.0.0.1:40001:8000"]);
    expect(own.argv.at(-1)).toBe("--port=8000");
    expect(own.valuesOf("--env")).toContain("PORT=8000");
    const free = argvOf(
      server.replace("server: { port: 8000 }\n", ""),
      {},
      { socketPath: null, port: 40001 },
    );
    expect(free.valuesOf("--publish")).toEqual(["127.0.0.1:40001:40001"]);
    const onHost = argvOf(`${server}container: { network: host }\n`, {}, { socketPath: null, port: 8000 });
    expect(onHost.valuesOf("--publish")).toEqual([]);
  });

  test("of one job mounts its files and no folder of others", () => {
    const job = {
      jobId: 1,
      params: {},
      paramsPath: "/w/7.json",
      outputDir: "/j/1/output",
      eventsPath: "/w/7.events",
    };
    const { valuesOf } = argvOf(
      "engine: container\nimage: x\nprotocol: exec\n",
      { env: { ORCH_ATTEMPT: "1" } },
      { job },
    );
    expect(valuesOf("--volume")).toEqual(
      expect.arrayContaining([
        "/j/1/output:/j/1/output",
        "/w/7.events:/w/7.events",
        "/w/7.json:/w/7.json:ro",
      ]),
    );
    expect(valuesOf("--volume").filter((mount) => mount.startsWith("/run/orch/c7/io"))).toEqual([]);
    expect(valuesOf("--env")).toContain("ORCH_ATTEMPT=1");
  });
});

describe("the container map of runtime.yaml", () => {
  const base = "engine: container\nimage: x\ncontainer: ";
  test.each([
    [`${base}{ shm: 1 }\n`, /shm/, /known are args, shmSize/],
    [`${base}{ args: [--rm] }\n`, /container\.args\[0\]/, /decided by orch/],
    [`${base}{ args: [-dit] }\n`, /container\.args\[0\]/, /decided by orch/],
    [`${base}{ user: root }\n`, /container\.user/, /daemon, image, or numbers/],
    [`${base}{ shmSize: much }\n`, /container\.shmSize/, /amount like 2GiB/],
    [`${base}{ ulimits: { nofile: lots } }\n`, /container\.ulimits/, /must be like 1024/],
    [`${base}{ network: none }\nprotocol: openai\n`, /container\.network/, /cannot be reached/],
    ["container: {}\n", /"container"/, /is for engine container/],
  ])("%j is refused with its place", (yaml, message, why) => {
    expectFailure(() => runtimeFrom(yaml), "runtime/invalid", message, why);
  });
});

describe("CDI specifications", () => {
  test("are read as JSON and YAML; what is none lists nothing", () => {
    const dir = mkdtempSync(join(tmpdir(), "orch-cdi-"));
    const spec = `kind: nvidia.com/gpu
containerEdits: { deviceNodes: [{ path: /dev/nvidiactl }] }
devices:
  - { name: GPU-1, containerEdits: { deviceNodes: [{ path: /dev/nvidia0 }] } }
`;
    writeFileSync(join(dir, "a.yaml"), spec);
    writeFileSync(join(dir, "b.json"), '{"kind": "x/y", "devices": [{ "name": "all" }]}');
    writeFileSync(join(dir, "c.json"), "{");
    writeFileSync(join(dir, "d.yaml"), "[1, 2]");
    try {
      expect(readCdiDevices([dir, "/nowhere"])).toEqual([
        { name: "nvidia.com/gpu=GPU-1", nodes: ["/dev/nvidia0", "/dev/nvidiactl"] },
        { name: "x/y=all", nodes: [] },
      ]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
