import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { until } from "../kit/until.ts";
import { query, runDetached, untilOver, useOrch } from "./session.ts";

const createHome = useOrch();

describe("a command without a daemon", () => {
  it("starts one and says so on stderr only", async () => {
    await using home = createHome();
    const first = await home.orch(["ls"]);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/^orch: started the daemon \(pid \d+\)$/m);
    expect(first.stdout).not.toContain("started");
    const again = await home.orch(["ls"]);
    expect(again.stderr).not.toContain("started");
  });

  for (const [how, args, env] of [
    ["--no-autostart", ["ls", "--no-autostart"], {}],
    ["--no-autostart before the command", ["--no-autostart", "ls"], {}],
    ["ORCH_AUTOSTART=0", ["ls"], { ORCH_AUTOSTART: "0" }],
    ["orch status", ["status"], {}],
  ] as const) {
    it(`starts none with ${how}, exits 3 and says what to do`, async () => {
      await using home = createHome();
      const { code, stdout, stderr } = await home.orch(args, { env });
      expect(code).toBe(3);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^error: no daemon listens on .*\n {2}try: orch up/);
      expect(home.programs()).toEqual([]);
    });
  }

  it("starts one for all that ask at once", async () => {
    await using home = createHome();
    const asked = await Promise.all(Array.from({ length: 6 }, () => home.orch(["status", "--json"])));
    expect(asked.map(({ code }) => code)).toEqual([3, 3, 3, 3, 3, 3]);
    const runs = await Promise.all(
      Array.from({ length: 6 }, (_, n) => home.orch(["run", "--", "echo", `${n}`])),
    );
    expect(runs.map(({ stdout, code }) => [stdout, code])).toEqual(
      Array.from({ length: 6 }, (_, n) => [`${n}\n`, 0]),
    );
    expect(runs.filter(({ stderr }) => stderr.includes("started the daemon"))).toHaveLength(1);
    expect(query(home, "SELECT id FROM jobs")).toHaveLength(6);
  });
});

describe("orch up", () => {
  it("starts the daemon once", async () => {
    await using home = createHome();
    const first = await home.orch(["up", "--json"]);
    expect(first.code).toBe(0);
    const { pid } = JSON.parse(first.stdout) as { pid: number };
    expect(JSON.parse(first.stdout)).toMatchObject({ started: true });
    const second = await home.orch(["up", "--json"]);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ started: false, pid });
    expect((await home.orch(["up"])).stdout).toContain(`running already (pid ${pid}`);
    const wished = await home.orch(["up", "--gpus", "virtual:2x1GiB"]);
    expect(wished.stderr).toContain("orch down && orch up --gpus virtual:2x1GiB");
  });

  it("tells why the daemon does not start", async () => {
    await using home = createHome();
    const { code, stderr } = await home.orch(["up", "--gpus", "virtual:1xlots"]);
    expect(code).toBe(2);
    expect(stderr).toContain("lots");
    expect(stderr).toMatch(/^error: /);
  });
});

describe("orch down", () => {
  it("does not wait for a daemon that has ended and whose parent has not noticed", async () => {
    await using home = createHome();
    // sleep knows of no child, so the daemon stays a zombie.
    const script = '"$0" "$1" daemon & exec sleep 60';
    const parent = spawn("sh", ["-c", script, process.execPath, home.bin], {
      env: home.env,
      stdio: "ignore",
    });
    try {
      const pid = await until("the daemon serves", async () => {
        const status = await home.orch(["status", "--json"]);
        return status.code === 0 ? (JSON.parse(status.stdout) as { pid: number }).pid : null;
      });
      const down = await home.orch(["down"]);
      expect(down).toMatchObject({ code: 0, stdout: `the daemon (pid ${pid}) has stopped\n` });
      expect(readFileSync(`/proc/${pid}/stat`, "latin1")).toContain(") Z ");
    } finally {
      parent.kill("SIGKILL");
    }
  });
});

describe("two daemons of one state folder", () => {
  it("are one: the second says who is there and leaves it alone", async () => {
    await using home = createHome();
    const first = await home.daemon();
    const { code, stderr } = await home.orch(["daemon"]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^error: another daemon runs on .*\n {2}why: .*\n {2}try: orch status/m);
    expect(first.isRunning()).toBe(true);
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
  });

  it("are one, also when they start at the same moment", async () => {
    await using home = createHome();
    const daemons = Array.from({ length: 4 }, () => home.launchDaemon());
    const outcomes = await Promise.allSettled(daemons.map(({ ready }) => ready));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const losers = daemons.filter((daemon) => !daemon.isRunning());
    expect(losers).toHaveLength(3);
    for (const loser of losers) expect(loser.stderr()).toContain("another daemon runs");
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
  });
});

describe("a place that cannot be used", () => {
  it("is named at once where its parent denies that there is such a place", async () => {
    await using home = createHome();
    const up = spawnSync(process.execPath, [home.bin, "up"], {
      env: { ...home.env, ORCH_HOME: "/proc/orch" },
      encoding: "utf8",
      timeout: 10_000,
    });
    expect([up.status, up.stderr]).toEqual([
      125,
      expect.stringMatching(/^error: cannot make the folder \/proc/),
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "is named when the state folder cannot be written (needs root to become another user)",
    async () => {
      await using home = createHome();
      mkdirSync(join(home.dir, "closed"), { mode: 0o755 });
      const as = ["--reuid=65534", "--regid=65534", "--clear-groups"];
      const up = spawnSync("setpriv", [...as, process.execPath, home.bin, "up"], {
        env: { ...home.env, ORCH_HOME: join(home.dir, "closed") },
        cwd: "/",
        encoding: "utf8",
      });
      expect(up.status).toBe(125);
      expect(up.stderr).toContain(join(home.dir, "closed"));
      expect(up.stderr).toMatch(/^error: .*\n {2}why: EACCES\n {2}try: set ORCH_HOME/m);
    },
  );

  it("is named when the socket's path is too long for the kernel", async () => {
    await using home = createHome();
    const long = join(home.dir, "x".repeat(120));
    const { code, stderr } = await home.orch(["up"], { env: { ORCH_HOME: long } });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^error: the socket path .* has \d+ bytes\n {2}why: .*107.*\n {2}try: .*ORCH_SOCKET/m,
    );
    const short = await home.orch(["run", "--", "echo", "short"], {
      env: { ORCH_HOME: long, ORCH_SOCKET: join(home.dir, "s.sock") },
    });
    expect(short).toMatchObject({ code: 0, stdout: "short\n" });
  });

  it("is no trouble when an old socket lies there [fault 16]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    await first.kill();
    await home.daemon();
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
  });
});

describe("the daemon", () => {
  it("keeps its files to its owner", async () => {
    await using home = createHome();
    await home.daemon();
    const job = await runDetached(home, "--", "true");
    await untilOver(home, job);
    for (const [path, mode] of [
      ["run", 0o700],
      ["run/orch.sock", 0o600],
      ["state", 0o700],
      ["state/orch.db", 0o600],
      ["state/daemon.log", 0o600],
    ] as const) {
      expect([path, statSync(join(home.dir, path)).mode & 0o777]).toEqual([path, mode]);
    }
  });

  it("does not write the environment of jobs into its log", async () => {
    await using home = createHome();
    await home.daemon("--log-level", "trace");
    await home.orch(["run", "--", "sh", "-c", "exit 1"], { env: { SECRET_OF_MINE: "hunter2-value" } });
    await home.orch(["run", "--", "/no/such/program"], { env: { SECRET_OF_MINE: "hunter2-value" } });
    await until("something is logged", () => readFileSync(join(home.dir, "state/daemon.log"), "utf8") !== "");
    expect(readFileSync(join(home.dir, "state/daemon.log"), "utf8")).not.toContain("hunter2");
  });
});
