import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { WorkerView } from "../../src/protocol/views.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { finishedJob, gpuView, jobView, workerView } from "./sample-views.ts";

const workers: WorkerView[] = [
  workerView({ name: "sdxl-1", vramBytes: 10 * 2 ** 30, jobs: [4, 5] }),
  workerView({ id: 2, name: "llm-2", runtime: "llm", vramBytes: 2 ** 30, pinned: true, detail: "loads {x}" }),
  workerView({ id: 3, name: "run-3", runtime: "run", state: "starting", mode: "none", gpus: [] }),
];

/** What a list prints of the workers above. */
async function listed(...flags: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  await using server = await serveAnswers({ "GET /workers": () => ({ workers }) });
  return await orch(["workers", "ls", ...flags], server);
}

describe("--filter and --sort of a short list", () => {
  it.each([
    [["--filter", "vramBytes >= 1GiB and not pinned"], "sdxl-1\n"],
    [["--filter", "jobs = 5 or state = starting"], "sdxl-1\nrun-3\n"],
    [["--filter", "gpus = null"], "run-3\n"],
    [["--sort", "vramBytes"], "llm-2\nsdxl-1\nrun-3\n"],
    [["--sort", "-runtime,name"], "sdxl-1\nrun-3\nllm-2\n"],
    [["--filter", "id > 1", "--sort", "-id"], "run-3\nllm-2\n"],
  ])("%j", async (flags, stdout) => {
    expect(await listed("-q", ...flags)).toEqual({ code: 0, stdout, stderr: "" });
  });

  it("is what --json prints, too", async () => {
    const { stdout } = await listed("--json", "--filter", "pinned");
    expect(JSON.parse(stdout)).toEqual({ workers: [workers[1]] });
  });

  it("says so when nothing is left", async () => {
    expect(await listed("--filter", "id = 9")).toEqual({
      code: 0,
      stdout: "",
      stderr: "nothing meets the filter\n",
    });
  });
});

describe("what is printed", () => {
  it.each([
    [
      ["--columns", "worker,state,vramBytes,jobs"],
      "WORKER  STATE     VRAMBYTES  JOBS\nsdxl-1  ready        10 GiB  4,5\nllm-2   ready         1 GiB  -\nrun-3   starting          -  -\n",
    ],
    [["--columns", "pinned", "--no-headers"], "-\nyes\n-\n"],
    [
      ["--columns", "startedAt,gpus", "--filter", "id = 2"],
      "STARTEDAT             GPUS\n2026-01-02T00:00:00Z  GPU-0a1b2c3d\n",
    ],
    [["--format", "{id}: {name} {{{state}}}"], "1: sdxl-1 {ready}\n2: llm-2 {ready}\n3: run-3 {starting}\n"],
    [
      ["--format", "{jobs}\\t{pid}\\t{detail}\\t{keptUntil}|"],
      "4,5\t100\t\t|\n\t100\tloads {x}\t|\n\t100\t\t|\n",
    ],
    [["--format", "x"], "x\nx\nx\n"],
    [["--jsonl", "--filter", "id = 3"], `${JSON.stringify(workers[2])}\n`],
  ])("%j", async (flags, stdout) => {
    expect(await listed(...flags)).toEqual({ code: 0, stdout, stderr: "" });
  });

  it("is a field of several parts, too", async () => {
    await using server = await serveAnswers({ "GET /gpus": () => ({ gpus: [gpuView()] }) });
    const { stdout } = await orch(
      ["gpus", "--format", "{memory.freeBytes} {processes.name} {quarantine}."],
      server,
    );
    expect(stdout).toBe("24696061952 blender .\n");
    expect((await orch(["gpus", "--columns", "gpu,held-by,memory.freeBytes"], server)).stdout).toBe(
      "GPU  HELD BY  MEMORY.FREEBYTES\n  0  -                  23 GiB\n",
    );
  });

  it("leaves what steers a terminal out of a line for one, and nothing for a pipe", async () => {
    const evil = [workerView({ detail: "a\u001b[2Jb\nc" })];
    await using server = await serveAnswers({ "GET /workers": () => ({ workers: evil }) });
    const argv = ["workers", "--format", "{detail}"];
    expect((await orch(argv, server)).stdout).toBe("a\u001b[2Jb\nc\n");
    expect((await orch(argv, { socket: server.socket, columns: 80 })).stdout).toBe("a�[2Jb c\n");
  });
});

describe("a mistake is told before anybody is asked", () => {
  it.each([
    [
      ["--filter", "stat = ready"],
      'error: column 1 of the filter: there is no field "stat"\n  try: did you mean state?\n',
    ],
    [
      ["--sort", "nme"],
      /^error: --sort: there is no field "nme"\n {2}why: there are: id, name, .*\n {2}try: did you mean name\?\n$/,
    ],
    [
      ["--columns", "worker,stat"],
      /^error: --columns: there is no field "stat"\n {2}why: there are: worker, runtime, .*, lane, .*readyAt\n {2}try: did you mean state\?\n$/,
    ],
    [["--columns", ""], /^error: --columns: there is no field ""/],
    [
      ["--format", "{id} {nme}"],
      /^error: --format: there is no field "nme"\n {2}why: there are: id, .*\n {2}try: did you mean name\?\n$/,
    ],
    [["--format", "{}"], /there is no field ""/],
    [["--format", "{id"], /a "\{" stands alone/],
    [["--format", "id}"], /a "\}" stands alone\n.*\n.*write \}\}/],
    [["--json", "--jsonl"], /--jsonl and --json do not go together/],
    [["-q", "--columns", "id"], /-q and --columns do not go together/],
    [["--watch", "0.01"], /--watch: "0.01" is too short/],
    [["--watch", "soon"], /--watch: "soon" is not a duration/],
  ])("%j", async (flags, message) => {
    await using server = await serveAnswers({});
    const { code, stdout, stderr } = await orch(["workers", ...flags], server);
    expect([code, stdout]).toEqual([2, ""]);
    if (typeof message === "string") expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
    expect(server.seen).toEqual([]);
  });
});

describe("orch ls leaves filter and order to the daemon", () => {
  const since = "2026-01-02T00:00:00.000Z";
  it.each([
    [["--filter", "user = ada or id < 5"], { filter: "user = ada or id < 5" }],
    [["--user", "o'brien", "-a"], { filter: "user = 'o\\'brien'" }],
    [["--since", "10m"], { filter: `submittedAt >= '${since}'` }],
    [["--label", "team=vision", "--state", "failed"], { filter: "label.team = 'vision'", states: "failed" }],
    [["--label", "gpu", "-a"], { filter: "(label.gpu != null or label = 'gpu')" }],
    [
      ["--label", "a=1", "--label", "b=x=y", "--filter", "id > 1 or id < 0", "--runtime", "sdxl"],
      { filter: "(label.a = '1') and (label.b = 'x=y') and (id > 1 or id < 0)", runtime: "sdxl" },
    ],
    [["--sort", "-id", "-n", "3", "-a"], { sort: "-id", limit: "3" }],
  ])("%j", async (flags, input) => {
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs: [jobView()], total: 1 }) });
    expect(await orch(["ls", ...flags], server)).toMatchObject({ code: 0, stderr: "" });
    const { timeZone, ...asked } = server.seen[0]?.input ?? {};
    expect(asked).toEqual(input);
    // It takes its time to be found out, so it is sent only where a time is meant.
    expect(timeZone).toEqual(
      "filter" in input && /At/.test(input.filter ?? "") ? expect.any(String) : undefined,
    );
  });

  it("says that there are more, where they are not counted", async () => {
    const jobs = [jobView(), finishedJob({ id: 9 })];
    await using server = await serveAnswers({ "GET /jobs": () => ({ jobs, total: 3 }) });
    const { stderr } = await orch(["ls", "--filter", "id > 0", "-n", "2"], server);
    expect(stderr).toBe("2 jobs, and there are more; -n 4 lists more\n");
  });

  it.each([
    [["--label", "a b=c"], /--label: "a b" cannot be the name of a label/],
    [["--since", "soon"], /--since: "soon" is not a point in time/],
  ])("%j is refused", async (flags, message) => {
    const { code, stderr } = await orch(["ls", ...flags]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

it("orch events filters by the daemon and prints in every shape", async () => {
  const event = {
    seq: 4,
    at: "2026-01-02T00:00:00Z",
    type: "job-queued",
    job: 1,
    correlation: "c-1",
    worker: null,
    gpu: null,
    text: "a\nb",
  };
  await using server = await serveAnswers({ "GET /events": () => [event] });
  const print = async (...flags: string[]): Promise<string> =>
    (await orch(["events", ...flags], server)).stdout;
  expect(await print("--filter", "job = 1", "--format", "{seq}:{type}")).toBe("4:job-queued\n");
  expect(server.seen[0]?.input).toEqual({ filter: "job = 1" });
  expect(await print("--columns", "seq,worker,text")).toBe("4\t-\ta b\n");
  expect(await print("--jsonl")).toBe(`${JSON.stringify(event)}\n`);
  expect((await orch(["events", "--filter", "jb = 1"], server)).stderr).toContain("did you mean job?");
});

it("docs/lists.md shows command lines that are right", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/lists.md"), "utf8");
  const lines = [...page.matchAll(/^ {4}orch (.*--filter.*)$/gm)].map(([, line = ""]) => line);
  expect(lines.length).toBeGreaterThan(5);
  await using server = await serveAnswers({
    "GET /jobs": () => ({ jobs: [], total: 0 }),
    "GET /gpus": () => ({ gpus: [] }),
    "GET /workers": () => ({ workers: [] }),
    "GET /events": () => [],
  });
  for (const line of lines) {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
    expect([line, (await orch(words, server)).code]).toEqual([line, 0]);
  }
});
