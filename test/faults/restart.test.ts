import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runDetached, untilOver, untilState, useOrch } from "../e2e/session.ts";
import { need } from "../kit/need.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();

/** The state letter of /proc/PID/stat; undefined = there is no such process. */
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2)[0];
  } catch {
    return undefined;
  }
}

describe("a daemon that stands still (SIGSTOP)", () => {
  it("is not taken for dead: a second one refuses, its socket stays, and it goes on [fault 17]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    first.signal("SIGSTOP");
    await until("it stands still", () => stateOf(first.pid) === "T");
    const second = await home.orch(["daemon"]);
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain("another daemon runs on");
    expect(existsSync(home.socket)).toBe(true);
    first.signal("SIGCONT");
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
    expect(first.isRunning()).toBe(true);
  });
});

const mayChoosePids = need(
  "ns_last_pid that may be written",
  existsSync("/proc/sys/kernel/ns_last_pid") && process.getuid?.() === 0,
);

/** Starts `sleep` under a pid that was somebody else's. @returns undefined where others were faster, each time */
async function takePid(pid: number): Promise<ReturnType<typeof spawn> | undefined> {
  for (let tries = 0; tries < 200; tries++) {
    writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    if (child.pid === pid) return child;
    child.kill("SIGKILL");
  }
  return undefined;
}

describe.skipIf(!mayChoosePids)("a pid that went to somebody else (needs root and ns_last_pid)", () => {
  it("is not signalled by the next daemon, nor taken for the worker [fault 18]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    const job = await runDetached(home, "--retries", "0", "--", "sleep", "600");
    await untilState(home, job, "running");
    const { workers } = await home.client.call("GET /workers", {});
    const pid = workers[0]?.pid ?? 0;
    await first.kill();
    for (const program of home.programs()) process.kill(program, "SIGKILL");
    await until("the pid is free", () => !existsSync(`/proc/${pid}`));
    const stranger = await takePid(pid);
    if (stranger === undefined) throw new Error(`pid ${pid} could not be had in 200 tries`);
    try {
      await home.daemon();
      expect(await untilOver(home, job)).toMatchObject({ state: "failed" });
      expect(await home.orch(["down", "--kill"])).toMatchObject({ code: 0 });
      expect(stateOf(pid), "the stranger lives").toMatch(/[SR]/);
    } finally {
      stranger.kill("SIGKILL");
    }
  });
});

const mayMount = need("right to mount", spawnSync("unshare", ["-m", "true"]).status === 0);

describe.skipIf(!mayMount)("a reboot (played by another boot id; needs the right to mount)", () => {
  it("interrupts what ran: a job with retries runs again, one without fails with the reason [fault 19]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    const again = await runDetached(
      home,
      "--retries",
      "1",
      "--",
      "sh",
      "-c",
      "echo x >>ran; [ -e rebooted ] || sleep 600",
    );
    const lost = await runDetached(home, "--", "sleep", "600");
    for (const job of [again, lost]) await untilState(home, job, "running");
    const { workers } = await home.client.call("GET /workers", {});
    await first.kill();
    for (const program of home.programs()) process.kill(program, "SIGKILL");
    await until("nothing of it runs", () => home.programs().length === 0);
    home.write("rebooted", "");
    const bootId = home.write("boot-id", "11111111-2222-3333-4444-555555555555\n");
    // Strangers have the pids of this boot: whoever trusts a pid alone would find something there.
    expect(workers.every(({ pid }) => pid !== null)).toBe(true);
    const script = `mount --bind ${bootId} /proc/sys/kernel/random/boot_id && exec "$@"`;
    const second = spawn("unshare", ["-m", "sh", "-c", script, "sh", process.execPath, home.bin, "daemon"], {
      env: { ...home.env },
      cwd: home.dir,
      stdio: "ignore",
    });
    try {
      await until(
        "it is ready",
        async () => (await home.orch(["status"], { env: { ORCH_AUTOSTART: "0" } })).code === 0,
      );
      expect(await untilOver(home, again)).toMatchObject({ state: "succeeded", attempts: 2 });
      const failed = await untilOver(home, lost);
      expect(failed).toMatchObject({ state: "failed", attempts: 1 });
      expect(failed.reason?.text).toBeTruthy();
      expect(readFileSync(join(home.dir, "ran"), "utf8")).toBe("x\nx\n");
    } finally {
      second.kill("SIGKILL");
    }
  });
});

describe("daemons that start at the same moment", () => {
  it("are one, ten at once, also over what a killed one left [fault 15] [fault 16]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    await first.kill();
    expect(existsSync(home.socket), "a socket without a daemon").toBe(true);
    const daemons = Array.from({ length: 10 }, () => home.launchDaemon());
    const outcomes = await Promise.allSettled(daemons.map(({ ready }) => ready));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(daemons.filter((daemon) => daemon.isRunning())).toHaveLength(1);
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
  });
});
