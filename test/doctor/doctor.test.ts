import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolvePaths } from "../../src/config/paths.ts";
import { examine } from "../../src/host/doctor/examine.ts";
import { useOrch } from "../e2e/session.ts";
import { need } from "../kit/need.ts";
import { mountSmallDisk } from "../kit/small-disk.ts";
import { diagnose } from "./host-kit.ts";

const home = useOrch();
const canMount = need(
  "right to mount a small disk",
  (() => {
    const disk = mountSmallDisk(1);
    disk?.[Symbol.dispose]();
    return disk !== null;
  })(),
);

test("a host in order: every check says so, nothing is made, and no daemon is started", async () => {
  await using orch = home();
  const { code, all } = await diagnose(orch, "");
  expect(code).toBe(0);
  expect(all.filter(({ level }) => level === "bad")).toEqual([]);
  const names = new Set(all.map(({ check }) => check));
  for (const check of [
    "node",
    "better-sqlite3",
    "koffi",
    "node-pty",
    "config",
    "state",
    "daemon",
    "gpus",
    "containers",
    "cgroups",
    "python",
    "runtimes",
    "clock",
    "service",
  ])
    expect(names).toContain(check);
  for (const { level, fix } of all) expect(level === "ok" || fix !== null).toBe(true);
  expect(existsSync(join(orch.dir, "state"))).toBe(false);
  expect(existsSync(orch.socket)).toBe(false);
  const text = await orch.orch(["doctor", "node", "gpus"]);
  expect(text.stdout).toMatch(/^ok {4}node {12}Node \d+/);
  expect(text.stdout).toMatch(
    /^ok {4}gpus {12}GPUs that exist on paper only, virtual:1x1GiB; 0: virtual 1 GiB$/m,
  );
  const typo = await orch.orch(["doctor", "gpu"]);
  expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining("try: orch doctor gpus")]);
});

test("no container engine: a warning, and broken where the config asks for one", async () => {
  await using orch = home();
  const gone = { podman: "#!/bin/sh\nexit 127\n" };
  const missing = await diagnose(orch, "containers", gone);
  expect(missing.code).toBe(0);
  expect(missing.of("containers")).toMatchObject({
    level: "warn",
    fix: "start docker, or mend podman: podman info",
  });
  expect(missing.of("containers")?.why).toContain("Cannot connect to the Docker daemon");
  const rootless = { podman: '#!/bin/sh\necho "exec: newuidmap: not found" >&2\nexit 125\n' };
  const unmapped = await diagnose(orch, "containers", rootless);
  expect(unmapped.of("containers")?.fix).toContain("install uidmap");
  orch.write("config.yaml", "containerEngine: podman\n");
  const asked = await diagnose(orch, "containers", gone);
  expect([asked.code, asked.of("containers")?.level]).toEqual([1, "bad"]);
});

test("settings that are wrong are named with file, line and column; the rest is looked at all the same", async () => {
  await using orch = home();
  orch.write("config.yaml", "autostart: true\ncpuCores: many\n");
  const { code, of, all } = await diagnose(orch, "");
  expect(code).toBe(1);
  expect(of("config")).toMatchObject({
    level: "bad",
    what: `${orch.dir}/config.yaml:2:11: cpuCores cannot be "many"`,
  });
  expect(all.length).toBeGreaterThan(10);
});

test("a hung nvidia-smi costs its line some seconds and the others nothing", async () => {
  await using orch = home({ ORCH_GPUS: "nvidia-smi" });
  const startMs = performance.now();
  const { code, of } = await diagnose(orch, "gpus python", { "nvidia-smi": "#!/bin/sh\nexec sleep 1000\n" });
  expect(performance.now() - startMs).toBeLessThan(12_000);
  expect(code).toBe(1);
  expect(of("gpus")).toMatchObject({ level: "bad" });
  expect(`${of("gpus")?.what} ${of("gpus")?.why}`).toMatch(/nvidia-smi.*(did not answer|hangs|within)/);
  expect(of("python")).toBeUndefined();
});

test("whatever hangs, the answer comes in time", async () => {
  await using orch = home();
  orch.write("fake/python3", "#!/bin/sh\nexec sleep 1000\n", 0o755);
  const env = { ...orch.env, PATH: `${join(orch.dir, "fake")}:${orch.env["PATH"]}` };
  const paths = resolvePaths({ env, cwd: orch.dir, uid: process.getuid?.() ?? 0 });
  const startMs = performance.now();
  const found = await examine({
    paths,
    env,
    uid: 0,
    cwd: orch.dir,
    only: ["python", "clock"],
    deadlineMs: 200,
  });
  expect(performance.now() - startMs).toBeLessThan(2_000);
  expect(found.ok).toBe(false);
  expect(found.findings.find(({ check }) => check === "python")?.what).toBe("no answer within 0.2 s");
});

test.skipIf(!canMount)("a full disk, one in memory, and one that cannot be written to", async () => {
  using disk = mountSmallDisk(96);
  if (disk === null) return;
  await using orch = home({ ORCH_HOME: disk.path });
  const inMemory = await diagnose(orch, "state");
  expect(inMemory.code).toBe(0);
  expect(inMemory.all.filter(({ check }) => check === "state").map(({ what }) => what)).toEqual([
    `${disk.path}/state lies in memory (tmpfs)`,
    expect.stringMatching(/only 9\d(\.\d)? MiB free/),
  ]);
  disk.fill();
  const full = await diagnose(orch, "state");
  expect(full.code).toBe(1);
  expect(full.all.find(({ level }) => level === "bad")).toMatchObject({
    check: "state",
    what: `the disk of ${disk.path}/state is full`,
    why: "0 B are free",
  });
  execFileSync("mount", ["-o", "remount,ro", disk.path]);
  const readOnly = await diagnose(orch, "state");
  expect(readOnly.code).toBe(1);
  expect(readOnly.of("state")).toMatchObject({
    level: "bad",
    what: `${disk.path} cannot be written to`,
    why: "EROFS",
  });
});

test("a daemon of another version, one that hangs, and a socket folder that is open to others", async () => {
  await using orch = home();
  mkdirSync(join(orch.dir, "run"), { mode: 0o700 });
  const other = http.createServer((_, response) => {
    response.end(JSON.stringify({ pid: 1, version: "0.0.1", api: 1 }));
  });
  await new Promise<void>((resolve) => other.listen(orch.socket, resolve));
  const old = await diagnose(orch, "daemon");
  expect([old.code, old.of("daemon")?.what]).toEqual([
    0,
    expect.stringMatching(/^runs version 0\.0\.1, this is \d/),
  ]);
  expect(old.of("daemon")?.fix).toContain("orch down && orch up");
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));

  const silent = net.createServer();
  await new Promise<void>((resolve) => silent.listen(orch.socket, resolve));
  const hung = await diagnose(orch, "daemon");
  expect([hung.code, hung.of("daemon")?.what]).toEqual([1, "the daemon did not answer within 3 s"]);
  silent.close();

  chmodSync(join(orch.dir, "run"), 0o777);
  const open = await diagnose(orch, "daemon");
  expect([open.code, open.of("daemon")]).toEqual([
    1,
    expect.objectContaining({ why: "its mode is 777: others can get in", fix: `chmod 700 ${orch.dir}/run` }),
  ]);
});

test("the daemon that runs is looked at: its version, and which control group it is in", async () => {
  await using orch = home();
  const daemon = await orch.daemon();
  const { all } = await diagnose(orch, "daemon cgroups");
  expect(all.find(({ check }) => check === "daemon")?.what).toMatch(
    new RegExp(`^runs, pid ${daemon.pid}, version`),
  );
});
