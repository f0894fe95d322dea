import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { refuseForeignFiles } from "../../src/host/service/orch-command.ts";
import { useOrch } from "../e2e/session.ts";
import { need } from "../kit/need.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { fakeSystemctl } from "./fake-systemctl.ts";

const home = useOrch();
const canVerify = need("systemd-analyze", spawnSync("systemd-analyze", ["--version"]).status === 0);
const unit = (orch: OrchHome, name = "orch.service"): string => join(orch.dir, "config/systemd/user", name);
const NO_CONTAINERS = { docker: "#!/bin/sh\nexit 1\n", podman: "#!/bin/sh\nexit 0\n" };

test.skipIf(!canVerify).each([
  ["system", {}],
  ["system", { ORCH_HOME: "/srv/a folder/100%" }],
  ["user", { PATH: '/odd "path"/$HOME/50%/bin:/usr/bin:/bin', HF_HOME: "/data/hf" }],
])("systemd itself finds nothing wrong with the units of a %s service, %o", async (kind, extra) => {
  await using orch = home();
  const env = { ...extra, XDG_RUNTIME_DIR: orch.dir, ORCH_SOCKET: "/run/orch/orch.sock" };
  const { stdout } = await orch.orch(["service", "install", "--print", `--${kind}`, "--json"], { env });
  const { units: files } = JSON.parse(stdout) as { units: { name: string; text: string }[] };
  const paths = files.map(({ name, text }) => orch.write(`units/${name}`, text));
  const verified = spawnSync("systemd-analyze", ["verify", "--man=no", ...paths], { encoding: "utf8" });
  expect([verified.stderr, verified.status]).toEqual(["", 0]);
  for (const key of ["WatchdogSec=30", "KillMode=process", "Type=notify", "Delegate=yes"])
    expect(files[0]?.text).toContain(`\n${key}\n`);
  // systemd leaves out what it cannot read with a mere warning, so a planted mistake has to be seen.
  const broken = orch.write("broken/orch.service", `${files[0]?.text}\n[Service]\nKillMode=perhaps\n`);
  expect(spawnSync("systemd-analyze", ["verify", "--man=no", broken], { encoding: "utf8" }).stderr).toContain(
    "perhaps",
  );
});

test("install writes, reloads, enables and starts once; again does nothing; another program makes it stale", async () => {
  await using orch = home();
  const { env, calls } = fakeSystemctl(orch, NO_CONTAINERS);
  const first = await orch.orch(["service", "install", "--user"], { env });
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toContain(`wrote ${unit(orch)}`);
  expect(first.stderr).toMatch(/loginctl enable-linger/);
  const start = [
    "daemon-reload ",
    "enable orch.service orch.socket",
    "reset-failed orch.service",
    "start orch.socket orch.service",
  ];
  expect(calls()).toEqual(start);
  expect(readFileSync(unit(orch), "utf8")).toContain(`Environment=ORCH_HOME=${orch.dir}\n`);
  expect(readFileSync(unit(orch, "orch.socket"), "utf8")).toContain(
    `ListenStream=${orch.socket}\nSocketMode=0600`,
  );

  const again = await orch.orch(["service", "install", "--user"], {
    env: { ...env, PATH: `${env["PATH"]}:/else` },
  });
  expect(again.stdout).toBe("the service is installed and up to date already\n");
  expect(calls()).toEqual(start);

  writeFileSync(unit(orch), readFileSync(unit(orch), "utf8").replace("WatchdogSec=30", "WatchdogSec=3"));
  const status = await orch.orch(["service", "status", "--user"], { env });
  expect(status.stdout).toMatch(/units +stale/);
  expect(status.stderr).toContain("orch service install --user");
  const mended = await orch.orch(["service", "install", "--user"], { env });
  expect(mended.stdout).toContain("restarted it; jobs and workers went on");
  expect(calls().slice(start.length)).toEqual([
    "daemon-reload ",
    "stop orch.socket orch.service",
    "reset-failed orch.service",
    "start orch.socket orch.service",
  ]);
  expect((await orch.orch(["service", "status", "--user"], { env })).code).toBe(0);
});

test("no daemon-reload while containers of orch run without --yes", async () => {
  await using orch = home();
  const running = { docker: "#!/bin/sh\nexit 1\n", podman: "#!/bin/sh\necho orch-1234-sdxl-1\n" };
  const { env, calls } = fakeSystemctl(orch, running);
  const refused = await orch.orch(["service", "install", "--user"], { env });
  expect(refused.code).toBe(6);
  expect(refused.stderr).toMatch(
    /1 container of orch run: orch-1234-sdxl-1\n.*daemon-reload.*\n.*service install --user --yes/,
  );
  expect([calls(), existsSync(unit(orch))]).toEqual([[], false]);
  expect((await orch.orch(["service", "install", "--user", "--yes"], { env })).code).toBe(0);
  expect((await orch.orch(["service", "install", "--user"], { env })).stdout).toContain("already");
  expect((await orch.orch(["service", "uninstall", "--user"], { env })).code).toBe(6);
  const removed = await orch.orch(["service", "uninstall", "--user", "-y"], { env });
  expect(removed.stdout).toContain(`removed ${unit(orch)}`);
  expect(existsSync(unit(orch))).toBe(false);
  expect(calls().slice(-3)).toEqual([
    "disable --now orch.socket orch.service",
    "daemon-reload ",
    "reset-failed orch.service",
  ]);
  expect((await orch.orch(["service", "uninstall", "--user"], { env })).stdout).toBe(
    "no service is installed\n",
  );
});

test("a daemon that was started by hand, a systemctl that fails, or is not there, is told with what to do", async () => {
  await using orch = home();
  const { env } = fakeSystemctl(orch, NO_CONTAINERS);
  await orch.daemon();
  const taken = await orch.orch(["service", "install", "--user"], { env });
  expect([taken.code, taken.stderr]).toEqual([
    6,
    expect.stringMatching(/a daemon runs already, pid \d+[\s\S]*try: orch down/),
  ]);
  await orch.orch(["down"]);
  orch.write("fake/fail-start", "");
  const failed = await orch.orch(["service", "install", "--user"], { env });
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(
    /systemctl start .* failed\n {2}why: Failed to start: no such luck\n {2}try: systemctl --user status orch/,
  );
  const bare = orch.write("bare/sh", `#!/bin/sh\nexec /bin/sh "$@"\n`, 0o755);
  rmSync(unit(orch));
  const none = await orch.orch(["service", "install", "--user"], { env: { ...env, PATH: join(bare, "..") } });
  expect([none.code, none.stderr]).toEqual([6, expect.stringContaining("systemctl is not installed")]);
});

test("who may not install is told how", async () => {
  await using orch = home();
  const { env } = fakeSystemctl(orch, NO_CONTAINERS);
  const noSession = await orch.orch(["service", "install", "--user"], {
    env: { ...env, XDG_RUNTIME_DIR: "" },
  });
  expect([noSession.code, noSession.stderr]).toEqual([
    6,
    expect.stringContaining("XDG_RUNTIME_DIR is not set"),
  ]);
  const both = await orch.orch(["service", "install", "--user", "--system"], { env });
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("exclude each other")]);
  const group = await orch.orch(["service", "install", "--user", "--group", "gpu"], { env });
  expect([group.code, group.stderr]).toEqual([
    2,
    expect.stringContaining("sudo orch service install --group gpu"),
  ]);
});

test.skipIf(process.getuid?.() !== 0)("root does not run what somebody else can change", async () => {
  await using orch = home();
  const file = orch.write("lib/orch/dist/cli.cjs", "");
  // The folder of temporary files is open to all, and sticky: nobody can take the place of what is root's.
  expect(() => refuseForeignFiles([file, process.execPath])).not.toThrow();
  chmodSync(join(orch.dir, "lib"), 0o777);
  expect(() => refuseForeignFiles([file])).toThrow(`cannot be run from ${orch.dir}/lib`);
  chmodSync(join(orch.dir, "lib"), 0o755);
  chownSync(file, 65_534, 0);
  expect(() => refuseForeignFiles([file])).toThrow(`cannot be run from ${file}`);
});

test("the group of a service of the machine is that of its config.yaml, and a wish that differs is refused", async () => {
  await using orch = home();
  const print = ["service", "install", "--system", "--print"];
  const { env } = fakeSystemctl(orch);
  const socketOf = async (...more: string[]): Promise<string> =>
    (await orch.orch([...print, ...more], { env })).stdout;
  expect(await socketOf()).toContain("SocketMode=0660\nExecStartPre=/usr/bin/install -d -m 0750 -g orch");
  expect(await socketOf("--no-group")).toContain("SocketMode=0600\nDirectoryMode=0700");
  orch.write("config.yaml", "group: gpu\n");
  expect(await socketOf()).toContain("SocketGroup=gpu");
  const refused = await orch.orch([...print, "--group", "users"], { env });
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("says group: gpu, not users")]);
  expect(
    execFileSync("sh", ["-c", "ls -A /etc/systemd/system | grep -c '^orch' || true"], {
      encoding: "utf8",
    }).trim(),
  ).toBe("0");
});
