import { chmodSync, mkdirSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { judgeGpuAccess } from "../../src/host/doctor/check-containers.ts";
import { judgeFileSystem } from "../../src/host/doctor/check-state.ts";
import { readCdiDevices } from "../../src/runtime/cdi.ts";
import { useOrch } from "../e2e/session.ts";
import { runAs, users, whyNoUsers } from "../kit/as-user.ts";
import { createOrchHome } from "../kit/orch-home.ts";
import { diagnose, packageWithout, read } from "./host-kit.ts";

const home = useOrch();
const noUsers = whyNoUsers();

test("a native module that is missing, or was built for another Node, with what is off without it", async () => {
  await using orch = home();
  const bin = packageWithout(orch.bin, "koffi", join(orch.dir, "package"));
  await using without = createOrchHome(bin, orch.env);
  const missing = await diagnose(without, "node");
  expect(missing.code).toBe(0);
  expect(missing.of("koffi")).toMatchObject({ level: "warn", what: "is not installed" });
  expect(missing.of("koffi")?.why).toContain("several users");

  const other = packageWithout(orch.bin, "better-sqlite3", join(orch.dir, "other"));
  mkdirSync(join(orch.dir, "other/node_modules/better-sqlite3"));
  orch.write(
    "other/node_modules/better-sqlite3/index.js",
    'throw new Error("was compiled against NODE_MODULE_VERSION 1");',
  );
  await using wrong = createOrchHome(other, orch.env);
  const broken = await diagnose(wrong, "node");
  expect(broken.code).toBe(1);
  expect(broken.of("better-sqlite3")).toMatchObject({
    level: "bad",
    what: "is there and cannot be loaded",
    why: expect.stringContaining("NODE_MODULE_VERSION 1"),
    fix: `cd ${join(orch.dir, "other")} && npm rebuild better-sqlite3`,
  });
});

test.skipIf(noUsers !== null)(
  `a socket that does not let the caller in, with the group to join${noUsers === null ? "" : ` (skipped: ${noUsers})`}`,
  async () => {
    await using orch = home();
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(join(orch.dir, "s.sock"), resolve));
    const askedAs = async (mode: number, gid: number): Promise<ReturnType<typeof read>> => {
      const { chownSync } = await import("node:fs");
      chownSync(join(orch.dir, "s.sock"), 0, gid);
      chmodSync(join(orch.dir, "s.sock"), mode);
      const env = [
        `HOME=${orch.dir}`,
        `USER=${users.stranger.name}`,
        `ORCH_SOCKET=${orch.dir}/s.sock`,
        `ORCH_HOME=/tmp`,
      ];
      const path = `PATH=${orch.env["PATH"]}`;
      return read(
        await runAs(users.stranger, [
          "env",
          "-i",
          path,
          ...env,
          process.execPath,
          orch.bin,
          "doctor",
          "--json",
        ]),
      );
    };
    const foreign = await askedAs(0o600, 0);
    expect([foreign.code, foreign.of("daemon")?.why]).toEqual([1, "EACCES"]);
    const grouped = await askedAs(0o660, users.carol.gid);
    expect(grouped.of("daemon")).toMatchObject({
      why: "www-data is not in the group games",
      fix: "sudo usermod -aG games www-data, and log in again",
    });
    server.close();
  },
);

test("units that were changed, and a program of theirs that is gone", async () => {
  await using orch = home();
  const env = { XDG_CONFIG_HOME: join(orch.dir, "config"), XDG_RUNTIME_DIR: orch.dir };
  const { stdout } = await orch.orch(["service", "install", "--user", "--print", "--json"], { env });
  const { units: files } = JSON.parse(stdout) as { units: { name: string; text: string }[] };
  const install = (change: (text: string) => string): void => {
    for (const { name, text } of files) orch.write(`config/systemd/user/${name}`, change(text));
  };
  install((text) => text);
  expect((await diagnose(orch, "service", {}, env)).of("service")).toBeUndefined();
  install((text) => text.replace("KillMode=process", "KillMode=mixed"));
  const stale = await diagnose(orch, "service", {}, env);
  expect([stale.code, stale.of("service")]).toEqual([
    0,
    expect.objectContaining({ level: "warn", fix: "orch service install --user" }),
  ]);
  install((text) => text.replace(orch.bin, "/opt/of-old/bin/orch"));
  const gone = await diagnose(orch, "service", {}, env);
  expect([gone.code, gone.of("service")?.why]).toEqual([1, "/opt/of-old/bin/orch is gone"]);
});

test("python3 without venv, and none at all", async () => {
  await using orch = home();
  const noVenv = await diagnose(orch, "python", {
    python3: "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1\n",
  });
  expect([noVenv.code, noVenv.of("python")]).toEqual([
    0,
    expect.objectContaining({
      level: "warn",
      why: expect.stringContaining("ensurepip"),
      fix: "apt-get install python3-venv",
    }),
  ]);
  const none = await diagnose(orch, "python", {}, { PATH: join(orch.dir, "fake-without") });
  expect(none.of("python")?.what).toMatch(/^there is no python3/);
});

test("a runtime that cannot be read, and a fixed port that somebody else has", async () => {
  await using orch = home();
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  orch.write("runtimes/broken/runtime.yaml", "name: broken\nsummary: [\n");
  orch.write(
    "runtimes/served/runtime.yaml",
    `name: served\nsummary: A server\ncommand: [sleep, "1000"]\nprotocol: openai\nserver: { port: ${port}, model: m }\n`,
  );
  const { code, all } = await diagnose(orch, "runtimes");
  expect(code).toBe(0);
  expect(all.find(({ what }) => what.startsWith("broken cannot be used"))?.fix).toBe(
    `orch runtimes validate ${orch.dir}/runtimes/broken`,
  );
  expect(all.find(({ check }) => check === "ports")?.what).toBe(
    `port ${port} of the runtime served is taken`,
  );
  server.close();
});

test("the way of GPUs into containers: no CDI, no specification, one that is out of date, one in order", async () => {
  await using orch = home();
  const podman = { kind: "podman", version: "4.9.3", knowsCdi: true } as const;
  const spec = {
    cdiVersion: "0.6.0",
    kind: "nvidia.com/gpu",
    devices: [{ name: "0", containerEdits: { deviceNodes: [{ path: "/dev/nvidia0" }] } }],
  };
  orch.write("cdi/nvidia.json", JSON.stringify(spec));
  const listed = readCdiDevices([join(orch.dir, "cdi")]);
  const generate = expect.stringContaining("nvidia-ctk cdi generate");
  expect(judgeGpuAccess(podman, listed, () => true)).toMatchObject({ level: "ok", what: "1 CDI devices" });
  expect(judgeGpuAccess(podman, listed, () => false)).toMatchObject({
    level: "warn",
    why: "it names /dev/nvidia0, which is gone",
    fix: generate,
  });
  expect(judgeGpuAccess(podman, [], () => true)).toMatchObject({ level: "warn", fix: generate });
  expect(judgeGpuAccess({ ...podman, version: "4.0", knowsCdi: false }, listed, () => true).why).toContain(
    "podman 4.0 does not know CDI",
  );
});

test("file systems that cannot be trusted with a database, by the numbers that the kernel has for them", () => {
  expect(judgeFileSystem("/data", 0x6969)).toMatchObject({ level: "bad", what: "/data lies on NFS" });
  expect(judgeFileSystem("/data", 0xff534d42)).toMatchObject({ level: "bad", what: "/data lies on CIFS" });
  expect(judgeFileSystem("/data", 0x65735546)).toMatchObject({
    level: "warn",
    what: "/data lies on a FUSE file system",
  });
  expect(judgeFileSystem("/data", 0xef53)).toBeNull(); // ext4
});
