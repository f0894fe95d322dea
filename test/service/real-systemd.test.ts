import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { sharedOrch } from "../kit/built-orch.ts";
import { type Inside, type PrivateSystemd, startSystemd } from "../kit/private-systemd.ts";
import { until } from "../kit/until.ts";

const built = dirname(dirname(await sharedOrch()));
// Its node_modules is a link to those of the checkout, which may lie in a folder that the container has one of its own of.
const modules = realpathSync(join(built, "node_modules"));
const systemd = await startSystemd({ "/opt/orch": built, [modules]: modules });
const why = typeof systemd === "string" ? systemd : null;
afterAll(async () => {
  if (typeof systemd !== "string") await systemd[Symbol.asyncDispose]();
});

const node = process.execPath;
const root = { ORCH_GPUS: "virtual:1x1GiB", ORCH_SOCKET: "/run/orch/orch.sock" };

/** orch inside, as root or as another user. */
function orch(args: readonly string[], user?: string): Promise<Inside> {
  const env = Object.entries(root).map(([name, value]) => `${name}=${value}`);
  const as =
    user === undefined ? [] : ["setpriv", `--reuid=${user}`, "--regid=nogroup", "--init-groups", "--"];
  const line = [...as, "env", ...env, "HOME=/tmp", node, "/opt/orch/bin/orch", ...args];
  return (systemd as PrivateSystemd).run(...line);
}
const ctl = (...args: readonly string[]): Promise<Inside> =>
  (systemd as PrivateSystemd).run("systemctl", ...args);
const show = async (what: string): Promise<string> =>
  (await ctl("show", "orch.service", "-p", what, "--value")).stdout.trim();

test.skipIf(why !== null)(
  `a real systemd runs it${why === null ? "" : ` (skipped: ${why})`}`,
  async () => {
    await (systemd as PrivateSystemd).run(
      "sh",
      "-c",
      "mkdir -p /etc/systemd/system/orch.service.d; printf '[Service]\\nEnvironment=ORCH_GPUS=virtual:1x1GiB\\nWatchdogSec=2\\n' > /etc/systemd/system/orch.service.d/test.conf",
    );
    const installed = await orch(["service", "install", "--group", "nogroup"]);
    expect(installed.stderr).toContain("export ORCH_SOCKET=/run/orch/orch.sock");
    expect(installed.stdout).toMatch(/wrote \/var\/lib\/orch\/config.yaml: group: nogroup[\s\S]*started it/);
    expect(await show("ActiveState")).toBe("active");
    expect(await show("StatusText")).toContain("0 running, 0 queued; GPUs that exist on paper only");

    // A member of the group, through the socket of systemd; the job is its user's.
    const job = await orch(["run", "--", "id", "-un"], "nobody");
    expect(job).toEqual({ code: 0, stdout: "nobody\n", stderr: "" });
    const again = await orch(["service", "install"]);
    expect(again.stdout).toContain("up to date already");

    // A job lives over a restart, and nobody is turned away meanwhile.
    const id = (
      await orch(["run", "-q", "-d", "--", "sh", "-c", "sleep 5; echo survived"], "nobody")
    ).stdout.trim();
    await until("the job runs", async () =>
      (await orch(["show", id, "--json"], "nobody")).stdout.includes('"state": "running"'),
    );
    const before = await show("MainPID");
    const [restarted, asked] = await Promise.all([ctl("restart", "orch.service"), orch(["ls"], "nobody")]);
    expect([restarted.code, asked.code]).toEqual([0, 0]);
    const after = await show("MainPID");
    expect(after).not.toBe(before);
    expect((await orch(["wait", id], "nobody")).code).toBe(0);
    expect((await orch(["logs", id], "nobody")).stdout).toContain("survived");

    // A daemon that stands still misses the watchdog and is replaced.
    await (systemd as PrivateSystemd).run("kill", "-STOP", after);
    await until(
      "another daemon runs",
      async () => {
        const pid = await show("MainPID");
        return pid !== after && pid !== "0" && (await show("ActiveState")) === "active";
      },
      30_000,
    );
    expect((await orch(["logs", id], "nobody")).stdout).toContain("survived");

    const status = await orch(["service", "status", "--json"]);
    expect(JSON.parse(status.stdout)).toMatchObject({
      active: "active",
      enabled: "enabled",
      units: "current",
    });
    expect((await orch(["service", "logs"])).stdout).toContain("orch is ready");
    expect((await orch(["service", "uninstall"])).stdout).toContain(
      "removed /etc/systemd/system/orch.service",
    );
    expect((await ctl("status", "orch.service")).code).toBe(4);
  },
  120_000,
);

test.skipIf(why !== null)(
  `a service of one user, under the manager of that user${why === null ? "" : ` (skipped: ${why})`}`,
  async () => {
    const run = (line: string): Promise<Inside> => (systemd as PrivateSystemd).run("sh", "-c", line);
    expect((await ctl("start", "user@0.service")).code).toBe(0);
    await run(
      "mkdir -p ~/.config/systemd/user/orch.service.d; printf '[Service]\\nEnvironment=ORCH_GPUS=virtual:1x1GiB\\n' > ~/.config/systemd/user/orch.service.d/test.conf",
    );
    const orch = `export XDG_RUNTIME_DIR=/run/user/0 USER=root; ${node} /opt/orch/bin/orch`;
    const installed = await run(`${orch} service install --user`);
    expect(installed.stdout).toMatch(/wrote \/root\/\.config\/systemd\/user\/orch\.service[\s\S]*started it/);
    expect(installed.stderr).toContain("loginctl enable-linger root");
    const status = await run(`${orch} service status --user --json`);
    expect(JSON.parse(status.stdout)).toMatchObject({
      active: "active",
      enabled: "enabled",
      units: "current",
    });
    const { pid } = JSON.parse(status.stdout) as { pid: number };
    expect((await run(`${orch} status -q --no-autostart`)).stdout).toBe(`${pid}\n`);
    expect((await run(`${orch} run -- echo served`)).stdout).toBe("served\n");
    // `orch down` is no failure; who asks next finds the socket and starts it again.
    expect((await run(`${orch} down`)).code).toBe(0);
    const doctor = await run(`${orch} doctor daemon service --json`);
    expect(doctor.stdout).toContain("does not run; the next command starts it");
    expect((await run("XDG_RUNTIME_DIR=/run/user/0 systemctl --user is-active orch.service")).stdout).toBe(
      "inactive\n",
    );
    expect((await run(`${orch} ls --no-autostart`)).code).toBe(0);
    expect((await run("XDG_RUNTIME_DIR=/run/user/0 systemctl --user is-active orch.service")).stdout).toBe(
      "active\n",
    );
    expect((await run(`${orch} service uninstall --user`)).code).toBe(0);
  },
  120_000,
);
