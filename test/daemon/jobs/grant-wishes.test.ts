import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fillPattern, grantWishes } from "../../../src/daemon/jobs/grant-wishes.ts";
import type { Launch } from "../../../src/engine/engine.ts";
import type { Job } from "../../../src/scheduler/job-model.ts";
import { runWishes } from "../../../src/std/run-wishes.ts";
import type { JobRow } from "../../../src/store/queries.ts";
import { tempDir } from "../../client/socket-server.ts";
import { until } from "../../kit/until.ts";

const row = { arrayId: 40, arrayIndex: 3, label: "train", summary: "./a b", user: "ada" } as JobRow;
const job = (attempts = 1): Job => ({ id: 43, attempts }) as Job;

/** Runs a command as it is launched with these wishes. */
function start(argv: readonly string[], wishes: Record<string, string>, cwd: string, attempts = 1) {
  const env = { PATH: process.env["PATH"] ?? "", TMPDIR: cwd, ...wishes };
  const plain: Launch = { workerId: 1, argv, env, cwd, dir: cwd, logPath: "log" };
  const launch = grantWishes(plain, job(attempts), row);
  const [program = "", ...args] = launch.argv;
  const child = spawn(program, args, { env: { ...launch.env }, cwd, detached: true });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  return { pid: child.pid ?? 0, log: () => log, ended, env: launch.env };
}

const sh = (script: string): string[] => ["/bin/sh", "-c", script];

describe("a copy of what a command writes", () => {
  it("is in the file and in the log, and the exit code is the command's", async () => {
    using dir = tempDir();
    const run = start(
      sh("echo out; echo err >&2; exit 7"),
      { [runWishes.output]: "%x-%A_%a-%j.log" },
      dir.path,
    );
    expect(await run.ended).toBe(7);
    expect(readFileSync(join(dir.path, "train-40_3-43.log"), "utf8").split("\n").toSorted()).toEqual([
      "",
      "err",
      "out",
    ]);
    expect(run.log().split("\n").toSorted()).toEqual(["", "err", "out"]);
    expect(readdirSync(dir.path)).toEqual(["train-40_3-43.log"]);
  });

  it("is in two files where stderr is to be apart", async () => {
    using dir = tempDir();
    const wishes = { [runWishes.output]: "o", [runWishes.error]: "e" };
    await start(sh("echo out; echo err >&2"), wishes, dir.path).ended;
    expect(readFileSync(join(dir.path, "o"), "utf8")).toBe("out\n");
    expect(readFileSync(join(dir.path, "e"), "utf8")).toBe("err\n");
  });

  it("is begun anew by a new job, and gone on with by its next attempt, or if that is asked for", async () => {
    using dir = tempDir();
    const wishes = { [runWishes.output]: "o" };
    for (const attempts of [1, 1, 2]) await start(sh("echo x"), wishes, dir.path, attempts).ended;
    expect(readFileSync(join(dir.path, "o"), "utf8")).toBe("x\nx\n");
    await start(sh("echo y"), { ...wishes, [runWishes.append]: "1" }, dir.path).ended;
    expect(readFileSync(join(dir.path, "o"), "utf8")).toBe("x\nx\ny\n");
  });

  it("loses nothing when the command is stopped and takes its time to end", async () => {
    using dir = tempDir();
    const script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done";
    const run = start(sh(script), { [runWishes.output]: "o" }, dir.path);
    await until("it runs", () => run.log().includes("up"));
    process.kill(-run.pid, "SIGTERM");
    expect(await run.ended).toBe(3);
    expect(readFileSync(join(dir.path, "o"), "utf8")).toMatch(/^up\n(Terminated\n)?bye\n$/);
  });

  it("does not hold the job up for what it leaves in the background", async () => {
    using dir = tempDir();
    const run = start(sh("sleep 60 & echo done"), { [runWishes.output]: "o" }, dir.path);
    await until("the command is over", () => run.log().includes("done"));
    expect(await run.ended.finally(() => process.kill(-run.pid, "SIGKILL"))).toBe(0);
    expect(readFileSync(join(dir.path, "o"), "utf8")).toBe("done\n");
  }, 10_000);

  it("that cannot be made ends the job before it begins", async () => {
    using dir = tempDir();
    const run = start(sh("touch began"), { [runWishes.output]: "none/o" }, dir.path);
    expect(await run.ended).toBe(125);
    expect(run.log()).toContain("orch: cannot copy the output to none/o");
    expect(existsSync(join(dir.path, "began"))).toBe(false);
  });
});

describe("a signal before the end of its time", () => {
  it("reaches the command itself", async () => {
    using dir = tempDir();
    const script = "trap 'echo saved; exit 5' USR1; echo up; while :; do sleep 0.05; done";
    const wishes = { [runWishes.signal]: "USR1 0.3", [runWishes.output]: "o" };
    const run = start(sh(script), wishes, dir.path);
    expect(await run.ended).toBe(5);
    expect(run.log()).toBe("up\nsaved\n");
  });

  it("comes too late for one that is over", async () => {
    using dir = tempDir();
    const run = start(sh("echo done"), { [runWishes.signal]: "USR1 60" }, dir.path);
    expect(await run.ended.finally(() => process.kill(-run.pid, "SIGKILL"))).toBe(0);
  });
});

describe("the environment", () => {
  it("has the variables of Slurm if they are wished for, and none of the wishes", () => {
    const argv = ["true"];
    const env = { A: "1", [runWishes.slurm]: "1", [runWishes.output]: "o", [runWishes.signal]: "USR1 1" };
    const launch = grantWishes({ workerId: 1, argv, env, cwd: "/", dir: "/", logPath: "" }, job(2), row);
    expect(launch.env).toEqual({
      A: "1",
      SLURM_JOB_ID: "43",
      SLURM_JOBID: "43",
      SLURM_JOB_USER: "ada",
      SLURM_ARRAY_JOB_ID: "40",
      SLURM_ARRAY_TASK_ID: "3",
      SLURM_RESTART_COUNT: "1",
    });
  });

  it("and the command stay as they are without wishes", () => {
    const plain: Launch = { workerId: 1, argv: ["true"], env: { A: "1" }, cwd: "/", dir: "/", logPath: "" };
    expect(grantWishes(plain, job(), row)).toEqual(plain);
  });
});

describe("names of files", () => {
  const alone = { ...row, arrayId: null, arrayIndex: null, label: null };
  it.each([
    ["slurm-%j.out", alone, "slurm-43.out"],
    ["%A_%a", row, "40_3"],
    ["%A_%a", alone, "43_4294967294"],
    ["%4j-%3a", row, "0043-003"],
    ["%u/%x", alone, "ada/._a b"],
    ["100%%-%j", alone, "100%-43"],
    ["%N.out", alone, `${hostname().split(".")[0]}.out`],
    ["%q-%", alone, "%q-%"],
    ["no\\%j", alone, "no%j"],
  ])("%s of %o is %s", (pattern, of, expected) => {
    expect(fillPattern(pattern, { id: 43 }, of)).toBe(expected);
  });
});
