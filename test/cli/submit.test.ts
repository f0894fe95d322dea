import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { type Answers, serveAnswers, tempDir } from "../client/socket-server.ts";
import { type IoOptions, orch } from "./captured-io.ts";
import { jobView, sdxl } from "./sample-views.ts";

const answers: Answers = {
  "GET /runtimes/:runtime": ({ runtime }) => {
    if (runtime === "sdxl" || runtime === "other") return { ...sdxl, name: runtime };
    throw new Failure("runtime/unknown", `there is no runtime "${runtime}"`);
  },
  "POST /jobs": () => jobView(),
  "POST /jobs/batch": ({ jobs }) => ({ ids: jobs.map((_, index) => index + 1) }),
};

/** What `orch submit sdxl …` sends. */
async function sent(argv: readonly string[], options: IoOptions = {}): Promise<Record<string, unknown>> {
  await using server = await serveAnswers(answers);
  const run = await orch(["submit", "sdxl", ...argv], { ...options, socket: server.socket });
  expect(run).toMatchObject({ code: 0, stderr: "" });
  return server.seen.at(-1)?.input ?? {};
}

describe("parameters", () => {
  it("come from flags, typed as the runtime declares them", async () => {
    const argv = "--prompt -fox --width 768 --guidance-scale -1.5 --no-hires-fix --sampler=ddim".split(" ");
    expect(await sent(argv)).toEqual({
      runtime: "sdxl",
      params: { prompt: "-fox", width: 768, guidanceScale: -1.5, hires_fix: false, sampler: "ddim" },
      options: {},
    });
  });

  it("that are not given are not sent: defaults are the daemon's", async () => {
    expect((await sent([]))["params"]).toEqual({});
    expect((await sent(["--hires-fix"]))["params"]).toEqual({ hires_fix: true });
  });

  it("come from --param and --params, too; flags win over pairs, pairs over the file", async () => {
    using temp = tempDir();
    writeFileSync(join(temp.path, "p.json"), '{"prompt": "file", "width": 1, "sampler": "euler"}');
    const argv = ["--params", "p.json", "--param", "width=2", "--param", "prompt=a=b", "--width", "3"];
    expect((await sent(argv, { cwd: temp.path }))["params"]).toEqual({
      prompt: "a=b",
      width: 3,
      sampler: "euler",
    });
    expect((await sent(["--params", "-"], { stdin: '{"width": 9}' }))["params"]).toEqual({ width: 9 });
  });

  it("whose flag means something else here are reached by --param, as the help says", async () => {
    expect((await sent(["--param", "wait=5"]))["params"]).toEqual({ wait: 5 });
    await using server = await serveAnswers(answers);
    expect((await orch(["submit", "sdxl", "--help"], server)).stdout).toMatch(
      /--param wait=<integer> +seconds/,
    );
  });

  it("that are files become absolute; stdin is kept in a file", async () => {
    using temp = tempDir();
    writeFileSync(join(temp.path, "in.png"), "png");
    const options = { cwd: temp.path, env: { ORCH_HOME: temp.path } };
    expect((await sent(["--image", "in.png"], options))["params"]).toEqual({
      image: join(temp.path, "in.png"),
    });
    const params = (await sent(["--image", "-"], { ...options, stdin: "bytes" }))["params"] as {
      image: string;
    };
    expect(params.image.startsWith(join(temp.path, "cache/stdin/"))).toBe(true);
    expect(readFileSync(params.image, "utf8")).toBe("bytes");
  });

  it.each([
    [["--image", "none.png"], 2, /^error: image: \/none\.png\n {2}why: there is no such file/],
    [
      ["--width", "wide"],
      2,
      /^error: width cannot be "wide"\n {2}why: .*256 to 2048; multiple of 8; default 1024/,
    ],
    [["--sampler", "lms"], 2, /^error: sampler cannot be "lms"\n {2}why: .*euler, ddim/],
    [["--param", "hires_fix=perhaps"], 2, /^error: hires_fix cannot be/],
    [["--param", "width"], 2, /^error: --param width: a value is missing/],
    [["--param", "__proto__=1"], 2, /^error: --param __proto__=1: "__proto__" is no name of a param/],
    [["--widht", "3"], 2, /^error: unknown option '--widht'\n {2}try: did you mean --width\?/],
    [["--params", "none.json"], 2, /^error: cannot read none\.json/],
    [["--out", "x"], 2, /^error: --out needs --wait/],
    [["--priority", "5000"], 2, /^error: --priority: "5000" is not a whole number from -1000 to 1000/],
    [["--after", "1,x"], 2, /^error: "x" is not a job id/],
  ])("%j is refused before anything is queued", async (argv, code, stderr) => {
    await using server = await serveAnswers(answers);
    const run = await orch(["submit", "sdxl", ...argv], server);
    expect(run).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(stderr) });
    expect(server.seen.map(({ route }) => route)).not.toContain("POST /jobs");
  });
});

describe("orch submit", () => {
  it("tells what became of the job; -q only its id; --json the whole; a terminal what next", async () => {
    await using server = await serveAnswers(answers);
    const plain = await orch(["submit", "sdxl"], server);
    expect(plain).toEqual({ code: 0, stdout: "job 42 queued (waits for 10 GiB on GPU 0)\n", stderr: "" });
    expect((await orch(["submit", "sdxl", "-q"], server)).stdout).toBe("42\n");
    expect(JSON.parse((await orch(["submit", "sdxl", "--json"], server)).stdout)).toEqual(jobView());
    const shown = await orch(["submit", "sdxl", "--no-color"], { socket: server.socket, columns: 80 });
    expect(shown.stderr).toBe("follow: orch logs -f 42    wait: orch wait 42\n");
  });

  it("sends its own flags as options, wherever the runtime stands among them", async () => {
    await using server = await serveAnswers(answers);
    const argv =
      "--label sdxl --priority -5 sdxl --after 1,2 --after 3 --retries 2 --time 1m --hold --gpus 2 --vram 1GiB";
    expect((await orch(["submit", ...argv.split(" ")], server)).code).toBe(0);
    expect(server.seen.at(-1)?.input).toEqual({
      runtime: "sdxl",
      params: {},
      options: {
        label: "sdxl",
        priority: -5,
        after: [1, 2, 3],
        retries: 2,
        timeLimitMs: 60_000,
        hold: true,
        gpus: 2,
        vramBytes: 2 ** 30,
      },
    });
  });

  it("needs the runtime before its flags, and says so", async () => {
    await using server = await serveAnswers(answers);
    const run = await orch(["submit", "--prompt", "x", "sdxl"], server);
    expect(run).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("the runtime has to come before --prompt"),
    });
    expect((await orch(["submit"], server)).stderr).toContain("error: no runtime named");
    expect((await orch(["submit", "nope"], server)).code).toBe(5);
  });

  it("documents the parameters in the runtime's help", async () => {
    await using server = await serveAnswers(answers);
    const { stdout } = await orch(["submit", "sdxl", "--help"], server);
    expect(stdout).toContain("Text to image");
    expect(stdout).toMatch(/--prompt <string> +what to draw \(string; required\)/);
    expect(stdout).toMatch(/--width <integer> +\(integer; 256 to 2048; multiple of 8; default 1024\)/);
    expect(stdout).toMatch(/--image <file> +\(file: path, URL or -; image\/png\)/);
    expect(stdout).toMatch(/--no-hires-fix/);
  });

  it("--dry-run shows the plan and queues nothing", async () => {
    const view = {
      runtime: "sdxl",
      lane: "sdxl",
      params: { width: 1024 },
      lease: { gpus: 1, mode: "exclusive" as const, vramBytes: null },
      fits: true,
      placement: "GPU 0, now",
      start: null,
      evicts: [],
      command: ["python3", "handler.py"],
      env: { CUDA_VISIBLE_DEVICES: "GPU-1" },
    };
    await using server = await serveAnswers({ ...answers, "POST /jobs/dry-run": () => view });
    const { stdout } = await orch(["submit", "sdxl", "--dry-run"], server);
    expect(stdout).toMatch(/^placement +GPU 0, now$/m);
    expect(stdout).toMatch(/^env +CUDA_VISIBLE_DEVICES=GPU-1$/m);
    expect(server.seen.map(({ route }) => route)).not.toContain("POST /jobs");
  });
});

describe("orch submit --batch", () => {
  const line = (index: number): string => JSON.stringify({ runtime: "sdxl", params: { prompt: `${index}` } });

  it("sends a thousand at a time and prints every id", async () => {
    let next = 0;
    await using server = await serveAnswers({
      ...answers,
      "POST /jobs/batch": ({ jobs }) => ({
        ids: jobs.map(() => {
          next += 1;
          return next;
        }),
      }),
    });
    const stdin = Array.from({ length: 2500 }, (_, index) => line(index)).join("\n");
    const run = await orch(["submit", "--batch", "-", "-q"], { socket: server.socket, stdin });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toBe(`${Array.from({ length: 2500 }, (_, index) => index + 1).join("\n")}\n`);
    const batches = server.seen.filter(({ route }) => route === "POST /jobs/batch");
    expect(batches.map(({ input }) => (input["jobs"] as unknown[]).length)).toEqual([1000, 1000, 500]);
    expect(server.seen.filter(({ route }) => route === "GET /runtimes/:runtime")).toHaveLength(1);
  });

  it("takes the runtime and the options of the command line where a line has none", async () => {
    using temp = tempDir();
    writeFileSync(join(temp.path, "in.png"), "");
    writeFileSync(
      join(temp.path, "jobs.jsonl"),
      '{"params": {"image": "in.png"}}\n\n{"runtime": "other", "options": {"priority": 9}}\n',
    );
    await using server = await serveAnswers(answers);
    const argv = ["submit", "sdxl", "--batch", "jobs.jsonl", "--priority", "1"];
    expect((await orch(argv, { socket: server.socket, cwd: temp.path })).stdout).toBe(
      "2 jobs queued (1 to 2)\n",
    );
    expect(server.seen.at(-1)?.input).toEqual({
      jobs: [
        { runtime: "sdxl", params: { image: join(temp.path, "in.png") }, options: { priority: 1 } },
        { runtime: "other", params: {}, options: { priority: 9 } },
      ],
    });
  });

  it.each([
    ["{", /-: job 2 cannot be queued/],
    ["[]", /not a JSON object/],
    ['{"runtime": 5}', /it has no "runtime"/],
    ['{"runtime": "sdxl", "prompt": "x"}', /unknown key "prompt"/],
    ['{"runtime": "sdxl", "params": {"image": "-"}}', /a batch cannot take files from stdin/],
  ])("refuses %s, naming the line", async (bad, stderr) => {
    await using server = await serveAnswers(answers);
    const run = await orch(["submit", "--batch", "-"], {
      socket: server.socket,
      stdin: `${line(1)}\n${bad}\n`,
    });
    expect(run).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(stderr) });
    expect(server.seen.map(({ route }) => route)).not.toContain("POST /jobs/batch");
  });

  it("says what was queued before a refusal", async () => {
    let calls = 0;
    await using server = await serveAnswers({
      ...answers,
      "POST /jobs/batch": ({ jobs }) => {
        calls += 1;
        if (calls === 2) throw new Failure("store/full", "the disk is full");
        return { ids: jobs.map((_, index) => index + 1) };
      },
    });
    const stdin = Array.from({ length: 1001 }, (_, index) => line(index)).join("\n");
    const run = await orch(["submit", "--batch", "-"], { socket: server.socket, stdin });
    expect(run.code).toBe(125);
    expect(run.stderr).toBe(
      "orch: before this, 1000 jobs were queued (1 to 1000)\nerror: the disk is full\n",
    );
  });
});
