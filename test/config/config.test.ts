import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LoadOptions, loadConfig, variableOf } from "../../src/config/config.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-config-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const load = (options: Partial<LoadOptions> = {}) =>
  loadConfig({
    paths: { configFile: join(dir, "config.yaml"), systemConfigFile: join(dir, "system.yaml") },
    env: {},
    ...options,
  });
const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);

/** Nine times nine times nine… */
const laughs = `quotas: { a: &a [x], ${["b", "c", "d", "e", "f", "g"]
  .map((name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${"abcdef"[at]}`).join(", ")}]`)
  .join(", ")} }\n`;

describe("loadConfig", () => {
  it("has a default for every key", async () => {
    const { config, origins } = await load();
    expect(config).toEqual({
      gpus: "auto",
      autostart: true,
      cpuCores: availableParallelism(),
      ram: null,
      quantumFactor: 10,
      urgency: Math.SQRT2,
      vramReserve: 0,
      fairShareHalfLife: 7 * 86_400_000,
      priorities: { low: -100, normal: 0, high: 100 },
      quotas: {},
      group: null,
      admins: null,
      allowRootJobs: false,
      workerUser: null,
      cgroups: "auto",
      limitCpus: false,
      maxProcesses: null,
      mps: false,
      containerEngine: "auto",
      containerGlobalArgs: [],
      containerArgs: [],
      logRotateEvery: null,
      logMaxBytes: 64 * 2 ** 20,
      logKeepParts: 16,
      logMaxAge: 30 * 86_400_000,
      logTotal: 20 * 2 ** 30,
      gpuHistoryFine: 2 * 3_600_000,
      gpuHistoryMinutes: 2 * 86_400_000,
      gpuHistoryHours: 365 * 86_400_000,
      energyPrice: null,
      logLevel: "info",
      gateway: null,
      tasks: { results: null, runtimes: {}, environment: [], deliverTo: [], keep: null },
      metrics: { dcgm: false, dcgmJobMappingDir: null },
    });
    expect(new Set(Object.values(origins).map(({ kind }) => kind))).toEqual(new Set(["default"]));
  });

  it("lets flags win over the environment, then project, user and system, and remembers the place", async () => {
    write("system.yaml", "cpuCores: 1\nquantumFactor: 1\nlogLevel: error\nvramReserve: 1\ngpus: none\n");
    write("config.yaml", "cpuCores: 2\nquantumFactor: 2\nlogLevel: warn\nvramReserve: 512MiB\n");
    write(".orch.yaml", "cpuCores: 3\nquantumFactor: 3\nlogLevel: debug\n");
    const { config, origins } = await load({
      env: { ORCH_CPU_CORES: "4", ORCH_QUANTUM_FACTOR: "4.5" },
      flags: { cpuCores: "5" },
      projectDir: dir,
    });
    expect(config).toMatchObject({
      cpuCores: 5,
      quantumFactor: 4.5,
      logLevel: "debug",
      vramReserve: 512 * 2 ** 20,
      gpus: "none",
    });
    expect(origins).toMatchObject({
      cpuCores: { kind: "flag", where: "--cpu-cores" },
      quantumFactor: { kind: "env", where: "ORCH_QUANTUM_FACTOR" },
      logLevel: { kind: "project", where: `${join(dir, ".orch.yaml")}:3:11` },
      vramReserve: { kind: "user", where: `${join(dir, "config.yaml")}:4:14` },
      gpus: { kind: "system" },
      autostart: { kind: "default" },
    });
  });

  it("reads no project file unless there is a project", async () => {
    write(".orch.yaml", "cpuCores: 3\n");
    expect((await load()).origins.cpuCores.kind).toBe("default");
  });

  it("lets no project open the host to others", async () => {
    write(".orch.yaml", "cpuCores: 3\ngateway: { listen: 127.0.0.1:7707, insecureLoopback: true }\n");
    await expect(load({ projectDir: dir })).rejects.toMatchObject({
      code: "config/invalid",
      message: `${join(dir, ".orch.yaml")}:2:1: gateway is not for a project to set`,
      hint: `write it into ${join(dir, "config.yaml")}`,
    });
  });

  it.each([
    ["tasks: { deliverTo: [evil.example], environment: [AWS_SECRET_ACCESS_KEY] }", "tasks", /results/],
    ["group: users", "group", /who may use/],
    ["admins: users", "admins", /who may use/],
    ["workerUser: root", "workerUser", /who may use/],
    ["allowRootJobs: true", "allowRootJobs", /who may use/],
    ["quotas: {}", "quotas", /how much/],
    ["fairShareHalfLife: 1m", "fairShareHalfLife", /how much/],
    ["containerArgs: [--privileged]", "containerArgs", /opens the host/],
    ["containerGlobalArgs: [--root, .]", "containerGlobalArgs", /is run as/],
    ["containerEngine: /srv/work/evil.sh", "containerEngine", /is run as/],
    ["cgroups: off", "cgroups", /limits/],
    ["limitCpus: false", "limitCpus", /limits/],
    ["maxProcesses: 4000000", "maxProcesses", /limits/],
    ["mps: true", "mps", /everybody/],
    ["logTotal: 0", "logTotal", /removed/],
    ["gpuHistoryHours: 1m", "gpuHistoryHours", /removed/],
    ["metrics: { dcgmJobMappingDir: /etc/cron.d }", "metrics", /writes files/],
  ])("lets no project set what is the host's: %s", async (line, key, why) => {
    write(".orch.yaml", `cpuCores: 3\n${line}\n`);
    await expect(load({ projectDir: dir })).rejects.toMatchObject({
      code: "config/invalid",
      message: `${join(dir, ".orch.yaml")}:2:1: ${key} is not for a project to set`,
      why: expect.stringMatching(why),
      hint: `write it into ${join(dir, "config.yaml")}`,
    });
  });

  it("lets a project say how GPUs are seen and how work is placed there, and names a key that nobody knows", async () => {
    const allowed =
      "gpus: none\nautostart: false\ncpuCores: 2\nram: 1GiB\nquantumFactor: 2\nurgency: 1\nvramReserve: 1MiB\n" +
      "priorities: { urgent: 5 }\nenergyPrice: 0.3\nlogLevel: warn\n";
    write(".orch.yaml", allowed);
    const { origins } = await load({ projectDir: dir });
    const set = Object.entries(origins).filter(([, { kind }]) => kind === "project");
    expect(set).toHaveLength(allowed.trim().split("\n").length);
    write(".orch.yaml", "tsaks: {}\n");
    await expect(load({ projectDir: dir })).rejects.toThrow(/unknown key "tsaks"/);
  });

  it("takes every switch by its variable", async () => {
    const env = {
      ORCH_ALLOW_ROOT_JOBS: "yes",
      ORCH_LIMIT_CPUS: "1",
      ORCH_GROUP: "gpu",
      ORCH_MAX_PROCESSES: "50",
    };
    const { config } = await load({ env });
    expect(config).toMatchObject({ allowRootJobs: true, limitCpus: true, group: "gpu", maxProcesses: 50 });
    await expect(load({ env: { ORCH_ALLOW_ROOT_JOBS: "perhaps" } })).rejects.toThrow(
      "allowRootJobs cannot be",
    );
  });

  it.each(["0", "false", "no", "off"])("ORCH_AUTOSTART=%s turns it off", async (text) => {
    expect((await load({ env: { ORCH_AUTOSTART: text } })).config.autostart).toBe(false);
  });

  it("takes an empty file and an empty variable for nothing", async () => {
    write("config.yaml", "# nothing yet\n");
    expect((await load({ env: { ORCH_GPUS: "" } })).origins.gpus.kind).toBe("default");
  });

  it.each([
    ["cpuSlot: 2\n", /:1:1: unknown key "cpuSlot"/, /cpuCores/],
    ["gpus: auto\n\nautostart: maybe\n", /:3:12: autostart cannot be "maybe"/, undefined],
    ["vramReserve: lots\n", /:1:14: vramReserve cannot be "lots"/, undefined],
    ["cpuCores:\n", /cpuCores cannot be null/, undefined],
    ["cpuCores: 0\n", /cpuCores cannot be 0/, undefined],
    ["gpus: cuda\n", /gpus cannot be "cuda"/, undefined],
    ["- gpus\n", /:1:1: not a list/, undefined],
    ["gpus: [\n", /config.yaml:\d+:\d+: /, undefined],
    ["gpus: none\ngpus: auto\n", /:2:1: .*unique/, undefined],
    ["__proto__: 1\n", /unknown key "__proto__"/, undefined],
  ])("refuses %j with its place [fault 49]", async (text, message, hint) => {
    write("config.yaml", text);
    await expect(load()).rejects.toMatchObject({
      code: "config/invalid",
      message: expect.stringMatching(message),
      ...(hint === undefined ? {} : { hint: expect.stringMatching(hint) }),
    });
  });

  it.each([
    ["aliases without end", laughs, /:1:9: Excessive alias count/],
    ["brackets without end", `gpus: ${"[".repeat(5_000)}\n`, /config.yaml:\d+:\d+: /],
  ])("refuses %s, soon [fault 49]", async (_, text, message) => {
    write("config.yaml", text);
    await expect(load()).rejects.toMatchObject({
      code: "config/invalid",
      message: expect.stringMatching(message),
    });
  });

  it("refuses arguments of containers that orch itself lives by", async () => {
    write("config.yaml", 'containerArgs: ["--ulimit=nofile=1024:1024", "-dit"]\n');
    await expect(load()).rejects.toMatchObject({
      code: "config/invalid",
      message: expect.stringMatching(/config\.yaml:1:16: containerArgs cannot be/),
      why: '"-dit" is not allowed: orch runs it in the foreground, and by its end knows the worker\'s',
    });
    write("config.yaml", "");
    const { config } = await load({ env: { ORCH_CONTAINER_ARGS: "--ulimit=nofile=1024:1024 --init" } });
    expect(config.containerArgs).toEqual(["--ulimit=nofile=1024:1024", "--init"]);
  });

  it("refuses logs too small to be rotated, and takes null for no limit", async () => {
    write("config.yaml", "logMaxAge: null\nlogTotal: 5GiB\n");
    expect((await load()).config).toMatchObject({ logMaxAge: null, logTotal: 5 * 2 ** 30 });
    await expect(load({ env: { ORCH_LOG_MAX_BYTES: "1KiB" } })).rejects.toMatchObject({
      message: 'ORCH_LOG_MAX_BYTES: logMaxBytes cannot be "1KiB"',
      why: "expected at least 64KiB",
    });
  });

  it("names the variable that is wrong", async () => {
    await expect(load({ env: { ORCH_CPU_CORES: "many" } })).rejects.toMatchObject({
      message: 'ORCH_CPU_CORES: cpuCores cannot be "many"',
    });
    expect(variableOf("vramReserve")).toBe("ORCH_VRAM_RESERVE");
  });

  it("says when a file is there but cannot be read", async () => {
    await expect(
      load({ paths: { configFile: dir, systemConfigFile: "/nonexistent" } }),
    ).rejects.toMatchObject({
      code: "file/unreadable",
      why: "EISDIR",
    });
  });
});
