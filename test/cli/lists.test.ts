import { describe, expect, it } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import {
  finishedJob,
  gpuView,
  jobDetail,
  jobView,
  logLine,
  sdxl,
  statusView,
  workerView,
} from "./sample-views.ts";

describe("orch ls", () => {
  const jobs = [
    jobView({
      id: 43,
      state: "running",
      reason: null,
      startedAt: "2026-01-02T00:09:00Z",
      worker: "sdxl-1",
      progress: { fraction: 0.409, text: null },
    }),
    jobView(),
    finishedJob({ id: 9, label: "nightly", state: "failed", reason: { code: "exit", text: "exit code 3" } }),
  ];

  it("prints plain columns", async () => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs, total: 3 }) });
    expect(await orch(["ls"], server)).toEqual({
      code: 0,
      stderr: "",
      stdout: [
        "ID  RUNTIME  STATE           TIME  USER  WORKER  JOB      REASON",
        "43  sdxl     running 40%   1m 00s  ada   sdxl-1  a fox    -",
        "42  sdxl     queued       10m 00s  ada   -       a fox    resources: waits for 10 GiB on GPU 0",
        " 9  sdxl     failed        1m 30s  ada   -       nightly  exit: exit code 3",
        "",
      ].join("\n"),
    });
  });

  it("cuts lines to a terminal's width, and never in a pipe", async () => {
    const long = [jobView({ summary: "x".repeat(40) })];
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs: long, total: 1 }) });
    const narrow = await orch(["ls", "--no-color"], { socket: server.socket, columns: 40 });
    expect(Math.max(...narrow.stdout.split("\n").map((line) => line.length))).toBe(40);
    expect((await orch(["ls"], server)).stdout).toContain("GPU 0");
  });

  it.each([
    [["ls"], { states: "held,queued,starting,running" }],
    [["ls", "-a", "-n", "7"], { limit: "7" }],
    [["ls", "--state", "failed,held", "--runtime", "sdxl"], { states: "failed,held", runtime: "sdxl" }],
  ])("%j asks for %j", async (argv, input) => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs: [], total: 0 }) });
    expect(await orch(argv, server)).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/^no /),
    });
    expect(server.seen[0]?.input).toEqual(input);
  });

  it("says how many there are that it does not show", async () => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs, total: 120 }) });
    expect((await orch(["ls"], server)).stderr).toBe("3 of 120 jobs; -n 120 lists more\n");
  });

  it("does not promise more of an array or a runtime than it was told", async () => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs, total: 120 }) });
    expect((await orch(["ls", "--array", "9"], server)).stderr).toBe("");
    expect((await orch(["ls", "--runtime", "sdxl", "-n", "3"], server)).stderr).toBe(
      "3 jobs; -n 6 lists more, if there are\n",
    );
  });

  it("-q prints ids, --json one document", async () => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs, total: 3 }) });
    expect((await orch(["ls", "-q"], server)).stdout).toBe("43\n42\n9\n");
    expect(JSON.parse((await orch(["ls", "--json"], server)).stdout)).toEqual({ jobs, total: 3 });
  });
});

it("show prints what there is and leaves the rest out", async () => {
  const job = jobDetail({
    history: [
      { attempt: 1, worker: "sdxl-1", startedAt: "a", finishedAt: null, outcome: null, exitCode: null },
    ],
    artifacts: [{ name: "image.png", bytes: 2048, type: "image/png", path: "/out/image.png" }],
  });
  await using server = await serveAnswers({ "GET /jobs/:job": () => job });
  const { stdout } = await orch(["show", "42"], server);
  expect(stdout).toMatch(/^reason +resources: waits for 10 GiB on GPU 0$/m);
  expect(stdout).toMatch(/^image\.png +2 KiB +\/out\/image\.png$/m);
  expect(stdout).toMatch(/^ +1 +sdxl-1 +-/m);
  expect(stdout).not.toContain("time limit");
  expect(JSON.parse((await orch(["show", "42", "--json"], server)).stdout)).toEqual(job);
});

describe.each(["cancel", "hold", "release", "retry"] as const)("orch %s", (verb) => {
  it("does it to every job, goes on after a refusal, and exits as the first refusal", async () => {
    await using server = await serveAnswers({
      [`POST /jobs/:job/${verb}`]: ({ job }: { job: number }) => {
        if (Number(job) === 2) throw new Failure("job/state", "job 2 is finished");
        return jobView({ id: Number(job), state: "held", reason: null });
      },
    });
    expect(await orch([verb, "1", "2", "3"], server)).toEqual({
      code: 6,
      stdout: "job 1 held\njob 3 held\n",
      stderr: "error: job 2 is finished\n",
    });
    expect((await orch([verb, "1", "-q"], server)).stdout).toBe("1\n");
    expect((await orch([verb, "2"], server)).stderr).toBe("error: job 2 is finished\n");
  });
});

describe("orch workers", () => {
  it("lists them, alone and by ls", async () => {
    await using server = await serveAnswers({
      "GET /workers": () => ({ workers: [workerView({ jobs: [1, 2] })] }),
    });
    const { stdout } = await orch(["workers"], server);
    expect(stdout).toMatch(/^sdxl-1 +sdxl +ready +GPU-0a1b2c3d +all +1,2 +- +-$/m);
    expect((await orch(["workers", "ls"], server)).stdout).toBe(stdout);
    expect((await orch(["workers", "ls", "-q"], server)).stdout).toBe("sdxl-1\n");
  });

  it("starts, stops, switches, pins and unpins", async () => {
    const worker = workerView({ state: "starting", detail: "loads" });
    await using server = await serveAnswers({
      "GET /runtimes/:runtime": () => sdxl,
      "POST /workers/start": () => worker,
      "POST /workers/switch": () => worker,
      "POST /workers/:worker/stop": () => worker,
      "POST /workers/:worker/pin": () => worker,
    });
    const inputOf = async (...argv: string[]): Promise<unknown> => {
      expect(await orch(["workers", ...argv], server)).toEqual({
        code: 0,
        stdout: "worker sdxl-1 starting (loads)\n",
        stderr: "",
      });
      return server.seen.at(-1)?.input;
    };
    expect(await inputOf("start", "sdxl", "--param", "width=512")).toEqual({
      runtime: "sdxl",
      params: { width: 512 },
    });
    expect(await inputOf("switch", "-d", "sdxl", "--gpu", "1")).toEqual({
      runtime: "sdxl",
      params: {},
      gpu: "1",
    });
    expect(await inputOf("stop", "sdxl-1", "--force")).toEqual({ worker: "sdxl-1", force: true });
    expect(await inputOf("pin", "sdxl-1")).toEqual({ worker: "sdxl-1", pinned: true });
    expect(await inputOf("unpin", "sdxl-1")).toEqual({ worker: "sdxl-1", pinned: false });
  });
});

it("gpus lists memory and, when asked, processes", async () => {
  const gpus = [gpuView(), gpuView({ index: 1, healthy: false, detail: "GPU is lost" })];
  await using server = await serveAnswers({ "GET /gpus": () => ({ gpus }) });
  const { stdout } = await orch(["gpus", "--processes"], server);
  expect(stdout).toMatch(/^ *0 +Virtual GPU +1 GiB \/ 24 GiB +0 B +1 GiB +12% +- +- +- +ok$/m);
  expect(stdout).toMatch(/GPU is lost$/m);
  expect(stdout).toMatch(/^ *0 +7 +ada +1 GiB +\S+ +\S+ +\(foreign\) +blender$/m);
  expect(server.seen[0]?.input).toEqual({ processes: "true" });
});

it("runtimes lists, shows and validates against the caller's folder", async () => {
  await using server = await serveAnswers({
    "GET /runtimes": () => ({
      runtimes: [sdxl, { ...sdxl, name: "broken", problem: "runtime.yaml:1:1: no name" }],
    }),
    "GET /runtimes/:runtime": () => sdxl,
    "POST /runtimes/validate": () => sdxl,
  });
  expect((await orch(["runtimes"], server)).stdout).toMatch(/^broken .*runtime\.yaml:1:1: no name$/m);
  expect((await orch(["runtimes", "show", "sdxl"], server)).stdout).toMatch(
    /^--guidance-scale +\(number\)$/m,
  );
  expect((await orch(["runtimes", "validate", "sub"], { socket: server.socket, cwd: "/here" })).code).toBe(0);
  expect(server.seen.at(-1)?.input).toEqual({ path: "/here/sub" });
});

it("status and top show the whole", async () => {
  await using server = await serveAnswers({
    "GET /status": () => statusView(),
    "GET /jobs": () => ({ jobs: [jobView()], total: 1 }),
  });
  expect((await orch(["status"], server)).stdout).toMatch(/^daemon +pid 99, version 0\.1\.0, up 1m 05s$/m);
  const { stdout } = await orch(["top"], server);
  for (const part of ["Virtual GPU", "sdxl-1", "a fox"]) expect(stdout).toContain(part);
});

it("logs prints the text as it is, --json one object a line; events likewise", async () => {
  const event = {
    seq: 4,
    at: "2026-01-02T00:00:00Z",
    type: "job-queued",
    job: 1,
    correlation: "0123abcd-1",
    worker: null,
    gpu: null,
    text: "a\nb",
  };
  await using server = await serveAnswers({
    "GET /logs": () => [logLine("one\ntw"), logLine("o\r\u001b[1mx")],
    "GET /events": () => [event, event],
  });
  expect((await orch(["logs", "1"], server)).stdout).toBe("one\ntwo\r\u001b[1mx");
  expect((await orch(["logs", "1", "--json"], server)).stdout.split("\n")).toHaveLength(3);
  await orch(["logs", "-f", "-n", "5", "1"], server);
  expect(server.seen.at(-1)?.input).toEqual({ jobs: "1", follow: "true", tail: "5" });
  expect((await orch(["events"], server)).stdout).toBe(
    `${"2026-01-02T00:00:00Z  job-queued            a b\n".repeat(2)}`,
  );
  expect((await orch(["events", "--json"], server)).stdout).toBe(`${JSON.stringify(event)}\n`.repeat(2));
});
