import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/main.ts";
import type { LineOf } from "../../src/client/client.ts";
import { Failure } from "../../src/std/failure.ts";
import { type Answers, listen, serveAnswers, tempDir } from "../client/socket-server.ts";
import { until } from "../kit/until.ts";
import { captureIo, orch } from "./captured-io.ts";
import { finishedJob, jobDetail, jobView, sdxl } from "./sample-views.ts";

type Line = LineOf<"GET /follow">;

const running = jobView({ id: 42, state: "running", reason: null, startedAt: "2026-01-02T00:01:00Z" });
const line = (job: ReturnType<typeof jobView>): Line => ({ type: "job", job });
let logged = 0;
const log = (text: string): Line => {
  logged += text.length;
  return { type: "log", job: 42, text, cursor: `42.1@${logged}` };
};
const end: Line = { type: "end" };
const failed = finishedJob({ state: "failed", exitCode: 3, reason: { code: "exit", text: "exit code 3" } });

/** A latch: what a stream of the server waits for. */
function latch(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A server where the followed job runs until it is cancelled. */
function untilCancelled(): Answers {
  const cancelled = latch();
  return {
    "GET /runtimes/:runtime": () => sdxl,
    "POST /jobs": () => jobView(),
    "POST /jobs/run": () => jobView(),
    "POST /jobs/:job/cancel": () => {
      cancelled.open();
      return jobView({ state: "cancelled", reason: null });
    },
    async *"GET /follow"() {
      yield line(running);
      await cancelled.opened;
      yield line(finishedJob({ state: "cancelled", exitCode: 143 }));
      yield end;
    },
  };
}

describe("orch wait", () => {
  it.each([
    ["all succeeded", [finishedJob()], 0],
    ["one failed with a code", [finishedJob({ id: 1 }), finishedJob({ ...failed, id: 2 })], 3],
    ["one failed without a code", [finishedJob({ state: "failed", exitCode: null })], 1],
    ["one was cancelled", [finishedJob({ state: "cancelled", exitCode: null })], 1],
  ])("when %s", async (_name, jobs, code) => {
    await using server = await serveAnswers({ "GET /follow": () => [...jobs.map(line), end] });
    const ids = jobs.map((job) => String(job.id));
    const run = await orch(["wait", ...ids], server);
    expect(run).toMatchObject({ code, stderr: "" });
    expect(run.stdout.split("\n")).toHaveLength(jobs.length + 1);
    expect(server.seen[0]?.input).toEqual({ jobs: ids.join(","), logs: "false" });
    expect(JSON.parse((await orch(["wait", ...ids, "--json"], server)).stdout)).toEqual({ jobs });
  });

  it("asks for jobs whose end it was not told", async () => {
    await using server = await serveAnswers({
      "GET /follow": () => [end],
      "GET /jobs/:job": () => jobDetail(failed),
    });
    expect((await orch(["wait", "42"], server)).code).toBe(3);
  });

  it("gives up after --timeout with 124", async () => {
    await using server = await serveAnswers(untilCancelled());
    const run = await orch(["wait", "42", "--timeout", "50ms"], server);
    expect(run).toEqual({
      code: 124,
      stdout: "",
      stderr: "error: job 42 is not finished\n  try: orch why 42\n",
    });
  });

  it("--any ends with the first that is there, and exits as it", async () => {
    const never = latch();
    await using server = await serveAnswers({
      async *"GET /follow"() {
        yield line(running);
        yield line(finishedJob({ ...failed, id: 43 }));
        await never.opened;
      },
    });
    expect(await orch(["wait", "42", "43", "--any"], server)).toEqual({
      code: 3,
      stdout: "job 43 failed (exit code 3)\n",
      stderr: "",
    });
    expect((await orch(["wait", "42", "43", "--any", "-q"], server)).stdout).toBe("43\n");
    never.open();
  });

  it.each([
    ["is there", "running", running, 0, "job 42 running\n", ""],
    ["was there", "running", failed, 0, "job 42 failed (exit code 3)\n", ""],
    [
      "never will be",
      "running",
      finishedJob({ state: "cancelled", startedAt: null, exitCode: null }),
      1,
      "",
      "error: job 42 cancelled and will not be running\n  try: orch show 42\n",
    ],
    [
      "ended otherwise",
      "succeeded",
      failed,
      3,
      "",
      "error: job 42 failed and will not be succeeded\n  why: exit code 3\n  try: orch show 42\n",
    ],
    ["ended as hoped", "failed,cancelled", failed, 0, "job 42 failed (exit code 3)\n", ""],
  ] as const)("--state: it %s", async (_name, state, job, code, stdout, stderr) => {
    const never = latch();
    await using server = await serveAnswers({
      async *"GET /follow"() {
        yield line({ ...jobView(), ...job });
        await never.opened;
      },
    });
    expect(await orch(["wait", "42", "--state", state], server)).toEqual({ code, stdout, stderr });
    never.open();
  });

  it("passes on that a job is not known", async () => {
    await using server = await serveAnswers({
      "GET /follow": () => {
        throw new Failure("job/unknown", "there is no job 42");
      },
    });
    expect((await orch(["wait", "42"], server)).code).toBe(5);
  });
});

describe("orch run", () => {
  it("sends the command untouched, with folder and environment", async () => {
    await using server = await serveAnswers({ "POST /jobs/run": () => jobView() });
    const options = { socket: server.socket, cwd: "/here", env: { SECRET: "s" } };
    const input = async (...argv: string[]): Promise<Record<string, unknown>> => {
      expect((await orch(["run", "-d", "-q", ...argv], options)).stdout).toBe("42\n");
      return server.seen.at(-1)?.input ?? {};
    };
    expect(await input("--gpus", "2", "--", "ls", "--json", "--", "-q")).toMatchObject({
      command: ["ls", "--json", "--", "-q"],
      cwd: "/here",
      gpus: 2,
      vramBytes: null,
      mode: "exclusive",
      env: { SECRET: "s" },
    });
    expect((await input("--shared", "--vram", "1GiB", "python", "--help"))["command"]).toEqual([
      "python",
      "--help",
    ]);
    expect(server.seen.at(-1)?.input).toMatchObject({ gpus: 0, mode: "shared", vramBytes: 2 ** 30 });
    expect((await orch(["run", "-d", "ls", "--json"], options)).stdout).toBe(
      "job 42 queued (waits for 10 GiB on GPU 0)\n",
    );
  });

  it("prints what the job writes and exits as it does", async () => {
    await using server = await serveAnswers({
      "POST /jobs/run": () => jobView(),
      "GET /follow": () => [line(running), log("one\ntw"), log("o\n"), line(failed), end],
    });
    const run = await orch(["run", "--", "false"], server);
    expect(run).toEqual({ code: 3, stdout: "one\ntwo\n", stderr: "orch: job 42 failed (exit code 3)\n" });
    expect((await orch(["run", "-q", "--", "false"], server)).stderr).toBe("");
    const lines = (await orch(["run", "--json", "--", "false"], server)).stdout.trim().split("\n");
    expect(lines.map((text) => JSON.parse(text).type)).toEqual(["job", "log", "log", "job"]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("cancels the job on %s, waits for its end, and exits with %i", async (signal, code) => {
    await using server = await serveAnswers(untilCancelled());
    const captured = captureIo(server);
    const done = main(["run", "--", "sleep", "9"], captured.io);
    await until("the follow stream", () => server.seen.some(({ route }) => route === "GET /follow"));
    captured.signal(signal);
    expect(await done).toBe(code);
    expect(server.seen.at(-1)).toEqual({ route: "POST /jobs/:job/cancel", input: { job: "42" } });
    expect(captured.listeners(signal)).toBe(0);
  });

  it("leaves at once on a second Ctrl-C, even when the job does not stop", async () => {
    await using server = await serveAnswers({
      ...untilCancelled(),
      "POST /jobs/:job/cancel": () => jobView({ state: "running" }),
    });
    const captured = captureIo(server);
    const done = main(["run", "--", "sleep", "9"], captured.io);
    await until("the follow stream", () => server.seen.some(({ route }) => route === "GET /follow"));
    captured.signal("SIGINT");
    captured.signal("SIGINT");
    expect(await done).toBe(130);
  });

  it("goes on when the daemon returns, and prints nothing twice", async () => {
    using temp = tempDir();
    const socket = join(temp.path, "s.sock");
    const urls: string[] = [];
    const answer = (lines: readonly Line[], cut: boolean) =>
      createServer((request, response) => {
        urls.push(request.url ?? "");
        if (request.method === "POST") {
          response.end(JSON.stringify(jobView()));
          return;
        }
        const text = lines.map((each) => `${JSON.stringify(each)}\n`).join("");
        response.write(text, () => (cut ? response.destroy() : response.end()));
        if (cut) first.close();
      });
    const cut = log("one\nt");
    const first = answer([line(running), cut], true).listen(socket);
    await until("the first daemon", () => first.listening);
    const captured = captureIo({ socket });
    const done = main(["run", "--", "make"], captured.io);
    await until("the loss", () => captured.stderr().includes("lost the daemon"));
    const second = answer([line(running), log("wo\n"), log("three\n"), line(finishedJob()), end], false);
    await until("the first daemon's end", () => !first.listening);
    second.listen(socket);
    expect(await done).toBe(0);
    expect(captured.stdout()).toBe("one\ntwo\nthree\n");
    expect(decodeURIComponent(urls.at(-1) ?? "")).toContain(`resume=${cut.type === "log" ? cut.cursor : ""}`);
    second.closeAllConnections();
    await new Promise((resolve) => second.close(resolve));
  });
});

describe("orch submit --wait", () => {
  const answers = (detail: Parameters<typeof jobDetail>[0], lines: Line[] = []): Answers => ({
    "GET /runtimes/:runtime": () => sdxl,
    "POST /jobs": () => jobView(),
    "GET /follow": () => [line(running), ...lines, line(finishedJob({ ...detail })), end],
    "GET /jobs/:job": () => jobDetail({ ...finishedJob(), ...detail }),
  });
  const submit = (...argv: string[]): string[] => ["submit", "sdxl", "--wait", ...argv];

  it.each([
    ["text", "a poem", "a poem\n"],
    ["text with its newline", "a poem\n", "a poem\n"],
    ["an object", { a: 1 }, '{\n  "a": 1\n}\n'],
    ["nothing", null, ""],
  ])("prints %s", async (_name, output, stdout) => {
    await using server = await serveAnswers(answers({ output }));
    expect(await orch(submit(), server)).toEqual({ code: 0, stdout, stderr: "" });
  });

  it("prints or copies the files", async () => {
    using temp = tempDir();
    const artifacts = [
      { name: "image.png", bytes: 3, type: null, path: join(temp.path, "image.png") },
      { name: "../../taken.png", bytes: 3, type: null, path: join(temp.path, "taken.png") },
    ];
    for (const { path } of artifacts) writeFileSync(path, "png");
    await using server = await serveAnswers(answers({ artifacts }));
    expect((await orch(submit(), server)).stdout).toBe(artifacts.map(({ path }) => `${path}\n`).join(""));
    const run = await orch(submit("--out", "pics"), { socket: server.socket, cwd: temp.path });
    const copies = ["image.png", "taken.png"].map((name) => join(temp.path, "pics", name));
    expect(run).toEqual({ code: 0, stdout: copies.map((copy) => `${copy}\n`).join(""), stderr: "" });
    expect(copies.map((copy) => readFileSync(copy, "utf8"))).toEqual(["png", "png"]);
  });

  it("replaces files that are there only with --force, and copies no links", async () => {
    using temp = tempDir();
    const write = (name: string, text: string): string => {
      writeFileSync(join(temp.path, name), text);
      return join(temp.path, name);
    };
    const path = write("new.txt", "new");
    const secret = write("secret", "s");
    const link = join(temp.path, "link");
    symlinkSync(secret, link);
    const artifacts = [
      { name: "a.txt", bytes: 3, type: null, path },
      { name: "b.txt", bytes: 3, type: null, path },
      { name: "c.txt", bytes: 3, type: null, path: link },
    ];
    await using server = await serveAnswers(answers({ artifacts }));
    mkdirSync(join(temp.path, "out"));
    write("out/a.txt", "old");
    // Who writes through this would write elsewhere.
    symlinkSync(secret, join(temp.path, "out/b.txt"));
    const options = { socket: server.socket, cwd: temp.path };
    const kept = await orch(submit("--out", "out"), options);
    expect(kept).toMatchObject({ code: 6, stdout: "" });
    expect(kept.stderr).toContain(`error: ${temp.path}/out/a.txt is there already\n  why: what is there is`);
    expect(readFileSync(join(temp.path, "out/a.txt"), "utf8")).toBe("old");
    const forced = await orch(submit("--out", "out", "--force"), options);
    expect(forced).toMatchObject({ code: 2, stdout: `${temp.path}/out/a.txt\n${temp.path}/out/b.txt\n` });
    expect(forced.stderr).toContain(
      `cannot copy ${link} to ${temp.path}/out/c.txt\n  why: it is not a regular`,
    );
    expect(readFileSync(join(temp.path, "out/b.txt"), "utf8")).toBe("new");
    expect(readFileSync(secret, "utf8")).toBe("s");
    write("file", "");
    expect((await orch(submit("--out", "file/sub"), options)).code).toBe(2);
    expect(server.seen.filter(({ route }) => route === "POST /jobs")).toHaveLength(2);
  });

  it("shows pictures on a terminal that can, by its own protocol", async () => {
    using temp = tempDir();
    const path = join(temp.path, "image.png");
    const png = Buffer.concat([
      Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x08\0", "latin1"),
      Buffer.alloc(4000),
    ]);
    writeFileSync(path, png);
    await using server = await serveAnswers(
      answers({ artifacts: [{ name: "image.png", bytes: 9, type: "image/png", path }] }),
    );
    const shown = async (env: Record<string, string>, ...flags: string[]) =>
      (await orch(submit("--no-color", ...flags), { socket: server.socket, columns: 80, env })).stdout;
    const data = png.toString("base64");
    expect(await shown({ TERM: "xterm-kitty" })).toBe(
      `${path}\n\x1b_Ga=T,f=100,q=2,c=80,m=1;${data.slice(0, 4096)}\x1b\\\x1b_Gm=0;${data.slice(4096)}\x1b\\\n`,
    );
    expect(await shown({ TERM_PROGRAM: "iTerm.app" })).toBe(
      `${path}\n\x1b]1337;File=inline=1;size=${png.length};preserveAspectRatio=1:${data}\x07\n`,
    );
    for (const env of [{ TERM: "xterm-256color" }, { TERM: "xterm-kitty", TMUX: "/tmp/x" }])
      expect(await shown(env as Record<string, string>)).toBe(`${path}\n`);
    expect(await shown({ TERM: "xterm-kitty" }, "--no-images")).toBe(`${path}\n`);
    const piped = await orch(submit(), { socket: server.socket, env: { TERM: "xterm-kitty" } });
    expect(piped.stdout).toBe(`${path}\n`);
  });

  it("fails as the job does, and says why", async () => {
    await using server = await serveAnswers(answers({ ...failed }));
    expect(await orch(submit(), server)).toEqual({
      code: 3,
      stdout: "",
      stderr: "error: job 42 failed with exit code 3\n  why: exit code 3\n  try: orch logs 42\n",
    });
    expect(JSON.parse((await orch(submit("--json"), server)).stdout)).toMatchObject({
      id: 42,
      state: "failed",
    });
  });

  it("draws progress on a terminal, and takes it away", async () => {
    const lines: Line[] = [{ type: "progress", job: 42, fraction: 0.4, text: "step 12/30" }];
    await using server = await serveAnswers(answers({ output: "done" }, lines));
    const shown = await orch(submit("--no-color"), { socket: server.socket, columns: 80 });
    expect(shown.stderr).toContain("\r\u001b[2Kjob 42 [########------------]  40% step 12/30");
    expect(shown.stderr.endsWith("\r\u001b[2K")).toBe(true);
    expect(shown.stdout).toBe("done\n");
    expect((await orch(submit(), server)).stderr).toBe("");
  });

  it("lets the job go on after one Ctrl-C", async () => {
    await using server = await serveAnswers(untilCancelled());
    const captured = captureIo(server);
    const done = main(submit(), captured.io);
    await until("the follow stream", () => server.seen.some(({ route }) => route === "GET /follow"));
    captured.signal("SIGINT");
    expect(captured.stderr()).toContain(
      "job 42 goes on\n  follow: orch logs -f 42    cancel: orch cancel 42",
    );
    expect(await done).toBe(130);
    expect(server.seen.map(({ route }) => route)).not.toContain("POST /jobs/:job/cancel");
  });

  it("cancels it after two", async () => {
    await using server = await serveAnswers(untilCancelled());
    const captured = captureIo(server);
    const done = main(submit(), captured.io);
    await until("the follow stream", () => server.seen.some(({ route }) => route === "GET /follow"));
    captured.signal("SIGINT");
    captured.signal("SIGINT");
    expect(await done).toBe(130);
    expect(server.seen.map(({ route }) => route)).toContain("POST /jobs/:job/cancel");
    expect(captured.stderr()).toContain("job 42 cancelled\n");
  });
});

it("a stream that a foreign server ends is no success", async () => {
  await using server = await listen((_request, response) => response.end("nonsense\n"));
  expect((await orch(["logs", "1"], server)).code).toBe(3);
});
