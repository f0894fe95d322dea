import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import type { JobView, RuntimeView, StatusView } from "../../src/protocol/views.ts";
import { Failure } from "../../src/std/failure.ts";
import { serveAnswers, tempDir } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { finishedJob, gpuView, jobView, sdxl, statusView } from "./sample-views.ts";

const nobody = { socket: "/nonexistent/orch.sock" };

describe("orch", () => {
  it("alone says that no daemon runs, and what to do", async () => {
    const run = await orch([], nobody);
    expect(run).toMatchObject({ code: 0, stdout: "daemon  not running\n" });
    expect(run.stderr).toMatch(/^next: orch up /);
  });

  it("alone shows where things stand", async () => {
    await using server = await serveAnswers({ "GET /status": () => statusView() });
    const run = await orch([], server);
    expect(run.stdout).toBe(
      "daemon   running (pid 99)\ngpus     1, 23 GiB free\nworkers  1\njobs     2 queued, 1 running\n".replace(
        "2 queued, 1 running",
        "2 queued, 1 running, 5 succeeded",
      ),
    );
    expect(run.stderr).toMatch(/^next: orch ls +2 jobs wait, and for what\n {6}orch top /);
  });

  it("alone says what is worth typing next", async () => {
    const none = { held: 0, queued: 0, starting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
    const next = async (status: Partial<StatusView>, jobs: JobView[], runtimes: RuntimeView[] = []) => {
      await using server = await serveAnswers({
        "GET /status": () => statusView({ jobs: none, ...status }),
        "GET /jobs": ({ states }) => {
          const found = jobs.filter(({ state }) => String(states).split(",").includes(state));
          return { jobs: found, total: found.length };
        },
        "GET /runtimes": () => ({ runtimes }),
      });
      const { stderr } = await orch([], server);
      return [...stderr.matchAll(/(?:^next:| {5}) (orch.*?) {2}/gm)].map((match) => match[1]);
    };
    const failed = finishedJob({ id: 5, state: "failed" });
    const all = [jobView({ id: 8 }), jobView({ id: 7 }), jobView({ id: 6, state: "running" }), failed];
    const counts = { ...none, queued: 2, running: 1, failed: 1 };
    expect(await next({ jobs: counts }, all)).toEqual([
      "orch why 7",
      "orch logs -f 6",
      "orch logs 5",
      "orch --help",
    ]);
    const old = finishedJob({ id: 5, state: "failed", finishedAt: "2025-12-24T00:00:00Z" });
    const idle = ["orch run --gpus 1 -- COMMAND", "orch runtimes --help", "orch --help"];
    expect(await next({}, [old])).toEqual(idle);
    expect((await next({}, [], [sdxl]))[1]).toBe("orch submit sdxl --help");
    expect((await next({}, [], [{ ...sdxl, problem: "line 3" }]))[0]).toBe("orch runtimes");
    expect((await next({ gpus: [] }, []))[0]).toBe("orch gpus");
    expect((await next({ gpus: [gpuView({ healthy: false })] }, []))[0]).toBe("orch gpus");
  });

  it.each([["--help"], ["-h"], ["help"]])(
    "%s prints every command by group, examples first",
    async (word) => {
      const { code, stdout, stderr } = await orch([word], nobody);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.indexOf("Examples:")).toBeLessThan(stdout.indexOf("Jobs:"));
      for (const name of Object.keys(commands)) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    },
  );

  it.each(Object.keys(commands))("%s has help by all three ways", async (name) => {
    const asked = await Promise.all(
      [
        [name, "--help"],
        ["help", name],
        ["--help", name],
      ].map((argv) => orch(argv, nobody)),
    );
    for (const run of asked) expect(run).toEqual({ code: 0, stdout: asked[0]?.stdout, stderr: "" });
    expect(asked[0]?.stdout).toContain(`orch ${name}`);
  });

  it.each([
    [["sumbit", "x"], 'unknown command "sumbit"', "orch submit"],
    [["frobnicate"], 'unknown command "frobnicate"', "orch --help"],
    [["constructor"], 'unknown command "constructor"', "orch --help"],
    [["workers", "strat"], 'unknown command "workers strat"', "orch workers start"],
    [["ls", "--stat", "failed"], "unknown option '--stat'", "did you mean --state?"],
    [["ls", "extra"], "too many arguments", "orch ls --help"],
    [["show"], "missing required argument 'job'", "orch show --help"],
    [["show", "abc"], '"abc" is not a job id', "orch ls"],
    [["wait", "1", "--timeout", "soon"], '--timeout: "soon" is not a duration', "write it like"],
    [["ls", "--state", "runing"], '--state: unknown value "runing"', "use held, queued"],
    [["ls", "-n", "0"], '--limit: "0" is not a whole number from 1', undefined],
    [["--jsn"], "unknown option '--jsn'", "did you mean --json?"],
    [["run", "--time", "0", "true"], '--time: "0" is too short', "orch run --help"],
    [["run", "--time", "99999999d", "true"], '--time: "99999999d" is too long', "orch run --help"],
    [["update", "1", "--time", "0"], '--time: "0" is too short', "orch update --help"],
    [["run", "--retry-delay", "2d", "true"], '--retry-delay: "2d" is too long', "orch run --help"],
    [["run", "--gpus", "65", "true"], '--gpus: "65" is not a whole number from 0 to 64', undefined],
    [["run", "--vram", "0", "true"], '--vram: "0" is no memory at all', "leave it out"],
    [["run", "--idempotency-key", "", "true"], "--idempotency-key: it is empty", undefined],
    [
      ["schedule", "add", "@daily", "--missed", "some", "--", "run", "true"],
      '--missed: unknown value "some"',
      "use skip, once, all",
    ],
    [["run", "--shared", "true"], "--shared needs --vram", "add e.g. --vram"],
    [["down", "--drain", "--kill"], "--drain and --kill exclude each other", undefined],
  ])("%j is wrong usage: exit code 2, with a way out", async (argv, message, hint) => {
    await using server = await serveAnswers({});
    const run = await orch(argv, server);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toContain(`error: ${message}`);
    if (hint !== undefined) expect(run.stderr).toContain(`\n  try: ${hint}`);
  });

  it("prints a failure with its reason and what to try, and under --json as JSON, too", async () => {
    await using server = await serveAnswers({
      "GET /jobs/:job": () => {
        throw new Failure("job/unknown", "there is no job 5", { why: "the newest is 4", hint: "orch ls -a" });
      },
    });
    const text = "error: there is no job 5\n  why: the newest is 4\n  try: orch ls -a\n";
    expect(await orch(["show", "5"], server)).toEqual({ code: 5, stdout: "", stderr: text });
    for (const argv of [
      ["show", "5", "--json"],
      ["--json", "show", "5"],
    ]) {
      const run = await orch(argv, server);
      expect(run).toMatchObject({ code: 5, stdout: "" });
      expect(JSON.parse(run.stderr.slice(text.length))).toEqual({
        error: {
          code: "job/unknown",
          message: "there is no job 5",
          why: "the newest is 4",
          hint: "orch ls -a",
        },
      });
    }
  });

  it("exits 3 when no daemon runs and none may be started", async () => {
    expect(await orch(["ls"], nobody)).toEqual({
      code: 3,
      stdout: "",
      stderr: "error: no daemon listens on /nonexistent/orch.sock\n  try: orch up\n",
    });
    expect(await orch(["status"], { ...nobody, env: { ORCH_AUTOSTART: "1" } })).toMatchObject({ code: 3 });
  });

  it("prints the paths, without a daemon", async () => {
    using temp = tempDir();
    const run = await orch(["paths", "--json"], { env: { ORCH_HOME: temp.path } });
    expect(JSON.parse(run.stdout)).toMatchObject({ database: join(temp.path, "state/orch.db") });
    expect((await orch(["paths"], { env: { ORCH_HOME: temp.path } })).stdout).toContain(
      `${temp.path}/run/orch.sock\n`,
    );
  });

  it("refuses a socket path that is too long, whatever the command", async () => {
    const run = await orch(["ls"], { socket: `/tmp/${"x".repeat(120)}` });
    expect(run.code).toBe(2);
    expect(run.stderr).toContain("has 125 bytes");
  });

  it("up says so when the daemon runs already, down when none does", async () => {
    await using server = await serveAnswers({ "GET /hello": () => ({ pid: 9, version: "1", api: 1 }) });
    expect(await orch(["up"], server)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("already (pid 9"),
    });
    expect(await orch(["down"], nobody)).toEqual({ code: 0, stdout: "no daemon is running\n", stderr: "" });
  });

  it("colours on a terminal only, and not when asked not to", async () => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs: [jobView()], total: 1 }) });
    const coloured = async (
      argv: string[],
      env: Record<string, string>,
      columns?: number,
    ): Promise<boolean> => {
      const run = await orch(argv, {
        socket: server.socket,
        env,
        ...(columns === undefined ? {} : { columns }),
      });
      return run.stdout.includes("\u001b[");
    };
    expect(await coloured(["ls"], {}, 80)).toBe(true);
    expect(await coloured(["ls", "--no-color"], {}, 80)).toBe(false);
    expect(await coloured(["ls"], { TERM: "dumb" }, 80)).toBe(false);
    expect(await coloured(["ls"], { NO_COLOR: "1" }, 80)).toBe(false);
    expect(await coloured(["ls"], { FORCE_COLOR: "0" }, 80)).toBe(false);
    expect(await coloured(["ls"], {})).toBe(false);
  });
});
