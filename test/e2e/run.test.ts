import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents } from "./runtimes.ts";
import { query, runDetached, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

/** A home with a daemon. */
async function createHost(extra?: Readonly<Record<string, string>>): Promise<OrchHome> {
  const home = createHome(extra);
  await home.daemon();
  return home;
}

const has = (program: string): boolean => spawnSync("which", [program]).status === 0;

describe("orch run", () => {
  it("passes the output and the exit code of the program on", async () => {
    await using home = await createHost();
    for (const [script, code] of [
      ["echo out; echo err >&2", 0],
      ["echo out; echo err >&2; exit 3", 3],
      ["echo out; echo err >&2; kill -KILL $$", 137],
      ["echo out; echo err >&2; kill -TERM $$", 143],
    ] as const) {
      const result = await home.orch(["run", "-q", "--", "sh", "-c", script]);
      expect([script, result.code, result.stdout]).toEqual([script, code, "out\nerr\n"]);
    }
  });

  it("runs where and with the environment it was typed in, and hides GPUs that were not asked for", async () => {
    await using home = await createHost();
    home.write("place/here", "");
    const script = 'pwd; echo "$MINE:$CUDA_VISIBLE_DEVICES"; ls';
    const options = { cwd: join(home.dir, "place"), env: { MINE: "yes" } };
    const cpu = await home.orch(["run", "--", "sh", "-c", script], options);
    expect(cpu.stdout).toBe(`${home.dir}/place\nyes:\nhere\n`);
    const gpu = await home.orch(["run", "--gpus", "1", "--", "sh", "-c", script], options);
    expect(gpu.stdout).toBe(`${home.dir}/place\nyes:GPU-virtual-0\nhere\n`);
  });

  it("says what is wrong with a program that is not there", async () => {
    await using home = await createHost();
    const missing = await home.orch(["run", "--", "no-such-program-at-all"]);
    expect(missing.code).toBe(127);
    expect(missing.stdout + missing.stderr).toContain("no-such-program-at-all: no such program");
    home.write("plain.txt", "text");
    const plain = await home.orch(["run", "--", "./plain.txt"]);
    expect(plain.code).toBe(126);
  });

  it("hands a large output on whole", async () => {
    await using home = await createHost();
    const { code, stdout } = await home.orch(["run", "--", "seq", "1", "200000"]);
    expect(code).toBe(0);
    expect(stdout.length).toBe(1_288_895);
    expect(stdout.endsWith("\n200000\n")).toBe(true);
  });

  it("is quiet when its reader leaves, and cancels the job", async () => {
    await using home = await createHost();
    const { code, stderr } = pipeIntoHead(home, [
      "run",
      "--",
      "sh",
      "-c",
      "while :; do echo y; sleep 0.01; done",
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    const [row] = query<{ id: number }>(home, "SELECT MAX(id) AS id FROM jobs");
    expect((await untilOver(home, row?.id ?? 0)).state).toBe("cancelled");
  });

  it("is quiet in `orch ls | head -1`", async () => {
    await using home = await createHost();
    const ids = await Promise.all(
      Array.from({ length: 20 }, () => runDetached(home, "--hold", "--", "true")),
    );
    expect(ids).toHaveLength(20);
    const { code, stdout, stderr } = pipeIntoHead(home, ["ls"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ *ID +RUNTIME/);
  });
});

/** `orch ARGS | head -1`; the code is that of orch. */
function pipeIntoHead(
  home: OrchHome,
  args: readonly string[],
): { code: number; stdout: string; stderr: string } {
  const script = `set -o pipefail; "$@" | head -1`;
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-c", script, "-", process.execPath, home.bin, ...args],
    {
      env: { ...home.env },
      cwd: home.dir,
      encoding: "utf8",
      timeout: 30_000,
    },
  );
  return { code: status ?? -1, stdout, stderr };
}

describe("Ctrl-C", () => {
  it("in `orch run` cancels the job and exits with 130", async () => {
    await using home = await createHost();
    const run = home.spawn(["run", "--", "sh", "-c", "echo began; exec sleep 60"], { detached: true });
    await until("it runs", () => run.stdout().includes("began"));
    process.kill(-(run.child.pid ?? 0), "SIGINT");
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("cancelling job 1");
    expect(await untilOver(home, 1)).toMatchObject({ state: "cancelled" });
    expect(home.programs()).toEqual([]);
  });

  it("twice in `orch run` leaves a stubborn program to itself, which is killed after its grace", async () => {
    await using home = await createHost();
    const stubborn = "trap '' INT TERM; echo began; while :; do sleep 0.1; done";
    const run = home.spawn(["run", "--", "sh", "-c", stubborn], { detached: true });
    await until("it runs", () => run.stdout().includes("began"));
    process.kill(-(run.child.pid ?? 0), "SIGINT");
    await until("it says so", () => run.stderr().includes("cancelling job 1"));
    process.kill(-(run.child.pid ?? 0), "SIGINT");
    expect((await run.ended).code).toBe(130);
    expect(await untilState(home, 1, "running", "cancelled")).toBeDefined();
  });

  it.skipIf(!has("script"))("typed at a real terminal does the same (needs script)", async () => {
    await using home = await createHost();
    const line = `${process.execPath} ${home.bin} run -- sh -c 'echo began; exec sleep 60'`;
    const terminal = spawn("script", ["-qefc", line, "/dev/null"], { env: { ...home.env }, cwd: home.dir });
    let shown = "";
    terminal.stdout.on("data", (data: Buffer) => {
      shown += data.toString();
    });
    const ended = new Promise<number | null>((resolve) => terminal.once("close", resolve));
    await until("it runs", () => shown.includes("began"));
    terminal.stdin.write("\x03");
    expect(await ended).toBe(130);
    expect(shown).toContain("cancelling job 1");
    expect(await untilOver(home, 1)).toMatchObject({ state: "cancelled" });
  });

  it("once in `submit --wait` says how to go on and leaves the job", async () => {
    await using home = createHome();
    addResidents(home);
    await home.daemon();
    const waiting = home.spawn(["submit", "left", "--ms", "2500", "--tag", "goes on", "--wait"], {
      detached: true,
    });
    await untilState(home, await firstJob(home), "running");
    process.kill(-(waiting.child.pid ?? 0), "SIGINT");
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("job 1 goes on");
    expect(stderr).toContain("orch logs -f 1");
    expect(await untilOver(home, 1)).toMatchObject({ state: "succeeded", output: { tag: "goes on" } });
  });

  it("twice in `submit --wait` cancels the job", async () => {
    await using home = createHome();
    addResidents(home);
    await home.daemon();
    const waiting = home.spawn(["submit", "left", "--ms", "60000", "--wait"], { detached: true });
    await untilState(home, await firstJob(home), "running");
    process.kill(-(waiting.child.pid ?? 0), "SIGINT");
    await until("it says how to go on", () => waiting.stderr().includes("goes on"));
    process.kill(-(waiting.child.pid ?? 0), "SIGINT");
    expect((await waiting.ended).code).toBe(130);
    expect(await untilOver(home, 1)).toMatchObject({ state: "cancelled" });
  });
});

/** Waits for the first job of a home. */
function firstJob(home: OrchHome): Promise<number> {
  return until(
    "there is a job",
    () => existsSync(home.database) && query<{ id: number }>(home, "SELECT id FROM jobs LIMIT 1")[0]?.id,
  );
}

describe("live output", () => {
  it("comes through `orch logs -f` while the job runs, and ends with it", async () => {
    await using home = await createHost();
    const script = "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two";
    const job = await runDetached(home, "--", "sh", "-c", script);
    const logs = home.spawn(["logs", "-f", String(job)]);
    await until("the first line came", () => logs.stdout() === "one\n");
    expect((await untilState(home, job, "running")).state).toBe("running");
    home.write("go", "");
    expect(await logs.ended).toMatchObject({ code: 0, stdout: "one\ntwo\n" });
  });

  it("comes through `orch logs -f` also across a kill -9 of the daemon", async () => {
    await using home = createHome();
    const first = await home.daemon();
    const run = home.spawn([
      "run",
      "--",
      "sh",
      "-c",
      "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two",
    ]);
    await until("the first line came", () => run.stdout() === "one\n");
    await first.kill();
    await until("it says that it waits", () => run.stderr().includes("lost the daemon"));
    home.write("go", "");
    await home.daemon();
    expect(await run.ended).toMatchObject({ code: 0, stdout: "one\ntwo\n" });
  });

  it("of events comes through `orch events -f`", async () => {
    await using home = await createHost();
    const events = home.spawn(["events", "-f", "--json"]);
    const job = await runDetached(home, "--", "true");
    await untilOver(home, job);
    const seen = await until("the job's events came", () => {
      const lines = events
        .stdout()
        .split("\n")
        .filter((line) => line !== "");
      const all = lines.map((line) => JSON.parse(line) as { type: string; seq: number; job: number | null });
      return all.some(({ type }) => type === "job-succeeded") && all;
    });
    expect(seen.filter((event) => event.job === job).map(({ type }) => type)).toEqual([
      "job-submitted",
      "job-started",
      "job-succeeded",
    ]);
    const numbers = seen.map(({ seq }) => seq);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    events.child.kill("SIGINT");
    await events.ended;
  });
});
