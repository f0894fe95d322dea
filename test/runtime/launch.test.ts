import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { expandCommand } from "../../src/runtime/expand-command.ts";
import { type LaunchContext, planLaunch } from "../../src/runtime/launch.ts";
import { runtimeFrom } from "./runtime-from.ts";

const context: LaunchContext = {
  load: { model: "/models/a.bin" },
  gpuUuids: ["GPU-1", "GPU-2"],
  vramBytes: 4096,
  socketPath: "/run/orch/w7/worker.sock",
  port: null,
  fence: 41,
  workerId: 7,
  instanceId: "abc",
  sdkDir: "/opt/runtimes/sdk",
  pythonPath: null,
  baseEnv: {
    PATH: "/usr/bin:/bin",
    HOME: "/home/ada",
    LANG: "C.UTF-8",
    PYTHONPATH: "/evil",
    ORCH_FENCE: "0",
  },
  job: null,
};

const job = {
  jobId: 12,
  params: {},
  paramsPath: "/state/12/params.json",
  outputDir: "/state/12/out",
  eventsPath: "/state/12/events.ndjson",
};

describe("a worker of protocol orch", () => {
  test("gets its GPUs by UUID and is told who it is", () => {
    const plan = planLaunch(runtimeFrom("env: { MODE: fast }\nslots: 2"), context);
    expect(plan.argv).toEqual(["python3", "handler.py"]);
    expect(plan.cwd).toBe("/srv/runtimes/demo");
    expect(plan.env).toEqual({
      PATH: "/usr/bin:/bin",
      HOME: "/home/ada",
      LANG: "C.UTF-8",
      MODE: "fast",
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: "GPU-1,GPU-2",
      PYTHONPATH: "/opt/runtimes/sdk",
      PYTHONUNBUFFERED: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      ORCH_INSTANCE: "abc",
      ORCH_WORKER: "7",
      ORCH_RUNTIME: "demo",
      ORCH_FENCE: "41",
      ORCH_SLOTS: "2",
      ORCH_LOAD: '{"model":"/models/a.bin"}',
      ORCH_VRAM_BYTES: "4096",
      ORCH_SOCKET: "/run/orch/w7/worker.sock",
    });
  });

  test("without a GPU sees none: the variable is set and empty", () => {
    expect(
      planLaunch(runtimeFrom("gpu: { count: 0 }"), { ...context, gpuUuids: [] }).env["CUDA_VISIBLE_DEVICES"],
    ).toBe("");
  });

  test("the owner's PYTHONPATH comes after the SDK", () => {
    const plan = planLaunch(runtimeFrom("env: { PYTHONPATH: /own }"), context);
    expect(plan.env["PYTHONPATH"]).toBe("/opt/runtimes/sdk:/own");
  });

  test("runs in its virtual environment, if the program is Python", () => {
    const venv = { ...context, pythonPath: "/cache/venv/bin/python3" };
    const argvOf = (text: string) => planLaunch(runtimeFrom(text), venv).argv;
    expect(argvOf("")).toEqual(["/cache/venv/bin/python3", "handler.py"]);
    expect(argvOf("command: [python, -u, x.py]")).toEqual(["/cache/venv/bin/python3", "-u", "x.py"]);
    expect(argvOf("command: [./serve, python3]")).toEqual(["./serve", "python3"]);
    const withPath = planLaunch(runtimeFrom("env: { PATH: /usr/bin }\n"), venv);
    expect(withPath.env["PATH"]).toBe("/cache/venv/bin:/usr/bin");
  });

  test("its command is not expanded", () => {
    expect(planLaunch(runtimeFrom("command: [serve, '{a}']"), context).argv).toEqual(["serve", "{a}"]);
  });

  test("an impossible plan is a bug of ours", () => {
    expect(() => planLaunch(runtimeFrom(""), { ...context, socketPath: null })).toThrow(/needs a socket/);
    expect(() => planLaunch(runtimeFrom("engine: container\nimage: x"), context)).toThrow(/is a container/);
    expect(() => planLaunch(runtimeFrom("protocol: exec\ncommand: [a]"), context)).toThrow(/none was given/);
  });
});

describe("a program of protocol exec", () => {
  const runtime = runtimeFrom(`
protocol: exec
command: [printf, '%s\\n', '{text}', '--n={n}', '--seed={seed}', '{text}{n}', '{other}', '{"json": 1}']
params:
  text: { type: string }
  n: { type: integer }
  seed: { type: integer }
  other: { type: string, default: d }
`);
  const nasty = "$(id) `id` ; \"x\" 'y' {n} $& \\ ü\n";

  test("gets one argument for each, whatever is in the value", () => {
    const params = { text: nasty, n: 5, other: "d" };
    const plan = planLaunch(runtime, { ...context, socketPath: null, job: { ...job, params } });
    expect(plan.argv.slice(2)).toEqual([nasty, "--n=5", `${nasty}5`, "d", '{"json": 1}']);
    const [program = "", ...args] = plan.argv;
    // A real program sees the same arguments.
    expect(execFileSync(program, args, { encoding: "utf8" })).toBe(`${plan.argv.slice(2).join("\n")}\n`);
    expect(plan.env).toMatchObject({
      ORCH_JOB: "12",
      ORCH_PARAMS: "/state/12/params.json",
      ORCH_OUTPUT_DIR: "/state/12/out",
      ORCH_EVENTS: "/state/12/events.ndjson",
    });
    expect(plan.env).not.toHaveProperty("ORCH_SOCKET");
  });

  test("an argument with an absent param is left out", () => {
    expect(expandCommand(["a", "--x={x}", "{x}{y}", "{y}"], { y: true })).toEqual(["a", "true"]);
    expect(expandCommand(["{toString}"], {})).toEqual([]);
  });
});
