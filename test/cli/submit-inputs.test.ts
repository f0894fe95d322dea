import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { fetchFile } from "../../src/cli/submit/fetch-file.ts";
import { type Answers, serveAnswers, tempDir } from "../client/socket-server.ts";
import { type IoOptions, orch } from "./captured-io.ts";
import { jobView, sdxl } from "./sample-views.ts";

const answers: Answers = {
  "GET /runtimes/:runtime": () => sdxl,
  "POST /jobs": () => jobView(),
  "POST /jobs/array": () => ({ array: 1, first: 1, last: 2, jobs: 2, atOnce: null }),
  "POST /jobs/batch": ({ jobs }) => ({ ids: jobs.map((_, index) => index + 1) }),
  "POST /schedules": ({ line }) => ({
    id: 1,
    name: "nightly",
    line,
    timeZone: "UTC",
    description: null,
    missed: "skip",
    overlap: false,
    paused: false,
    next: null,
    lastJob: null,
    lastError: null,
    summary: "",
    user: "ada",
    createdAt: "2026-01-02T00:00:00Z",
  }),
};

/** A web server on a port of its own. */
async function serveWeb(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a command line sends last. */
async function sent(argv: readonly string[], options: IoOptions = {}): Promise<Record<string, unknown>> {
  await using server = await serveAnswers(answers);
  const run = await orch(argv, { ...options, socket: server.socket });
  expect(run).toMatchObject({ code: 0, stderr: "" });
  return server.seen.at(-1)?.input ?? {};
}

describe("files on the web", () => {
  it("are fetched into the cache, by the name of the address or the type that the server names", async () => {
    using temp = tempDir();
    await using web = await serveWeb((request, response) => {
      if (request.url === "/moved") response.writeHead(302, { location: "/a%20fox.png?x=1" }).end();
      else response.writeHead(200, { "content-type": "image/jpeg; charset=x" }).end(`at ${request.url}`);
    });
    const options = { cwd: temp.path, env: { ORCH_HOME: temp.path } };
    const image = async (path: string): Promise<string> => {
      const { params } = await sent(["submit", "sdxl", "--image", web.url + path], options);
      return (params as { image: string }).image;
    };
    const named = await image("/a%20fox.png?token=1");
    expect(basename(named)).toBe("a_fox.png");
    expect(readFileSync(named, "utf8")).toBe("at /a%20fox.png?token=1");
    expect(named.startsWith(join(temp.path, "cache/fetched/"))).toBe(true);
    expect(statSync(named).mode & 0o777).toBe(0o600);
    expect(basename(await image("/by-type"))).toBe("by-type.jpg");
    expect(basename(await image("/..%2f..%2f.ssh"))).toBe("ssh.jpg");
    expect(basename(await image("/"))).toBe("file.jpg");
    expect(readFileSync(await image("/moved"), "utf8")).toBe("at /a%20fox.png?x=1");
  });

  it("are fetched for each line of a batch and each value of a sweep, and stay addresses where a job runs later", async () => {
    using temp = tempDir();
    await using web = await serveWeb((request, response) => response.end(`at ${request.url}`));
    const options = { cwd: temp.path, env: { ORCH_HOME: temp.path } };
    const stdin = JSON.stringify({ runtime: "sdxl", params: { image: `${web.url}/1.png` } });
    const batch = await sent(["submit", "--batch", "-"], { ...options, stdin });
    const [{ params }] = batch["jobs"] as [{ params: { image: string } }];
    expect(readFileSync(params.image, "utf8")).toBe("at /1.png");
    const swept = await sent(
      ["submit", "sdxl", "--sweep", `image=${web.url}/2.png,${web.url}/3.png`],
      options,
    );
    const [sweep = ""] = swept["sweep"] as string[];
    const files = JSON.parse(sweep.slice("image=".length)) as string[];
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(["at /2.png", "at /3.png"]);
    const cron = await sent(
      ["submit", "sdxl", "--image", `${web.url}/4.png`, "--cron", "0 3 * * *"],
      options,
    );
    expect(cron).toMatchObject({
      line: "0 3 * * *",
      scheduled: { verb: "submit", submission: { runtime: "sdxl", params: { image: `${web.url}/4.png` } } },
    });
  });

  it.each([
    [
      "ftp://example.org/a.png",
      2,
      /image: ftp:\/\/example.org\/a.png cannot be fetched\n {2}why: files are fetched by http/,
    ],
    ["file:///etc/passwd", 2, /cannot be fetched\n {2}why: files are fetched by http/],
    [
      "http://ada:secret@127.0.0.1/a.png",
      2,
      /^error: image: http:\/\/127.0.0.1\/a.png cannot be fetched with a password/,
    ],
    [
      "http://127.0.0.1:65534/a.png?token=secret",
      2,
      /image: http:\/\/127.0.0.1:65534\/a.png cannot be fetched\n {2}why: ECONNREFUSED\n/,
    ],
  ])("%s is refused", async (address, code, stderr) => {
    await using server = await serveAnswers(answers);
    using temp = tempDir();
    const options = { socket: server.socket, env: { ORCH_HOME: temp.path } };
    const run = await orch(["submit", "sdxl", "--image", address], options);
    expect(run).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(stderr) });
    expect(run.stderr).not.toContain("secret");
    expect(server.seen.map(({ route }) => route)).not.toContain("POST /jobs");
  });

  it("that are missing, too large or broken off leave nothing behind", async () => {
    using temp = tempDir();
    await using web = await serveWeb((request, response) => {
      if (request.url === "/none") response.writeHead(404).end();
      else if (request.url === "/large") response.writeHead(200, { "content-length": 11 }).end("12345678901");
      else if (request.url === "/endless") response.write("123456", () => response.end("78901"));
      else if (request.url === "/cut") response.write("12", () => response.destroy());
    });
    const dir = join(temp.path, "in");
    const fetched = (path: string, signal = new AbortController().signal) =>
      fetchFile(web.url + path, { dir, maxBytes: 10, signal });
    await expect(fetched("/none")).rejects.toMatchObject({ why: "the server answered 404 Not Found" });
    await expect(fetched("/large")).rejects.toMatchObject({
      message: `${web.url}/large is larger than 10 B`,
    });
    await expect(fetched("/endless")).rejects.toMatchObject({ code: "file/unreadable" });
    await expect(fetched("/cut")).rejects.toMatchObject({ message: `${web.url}/cut cannot be fetched` });
    await expect(fetched("/silent", AbortSignal.timeout(50))).rejects.toMatchObject({ code: "interrupted" });
    expect(existsSync(dir) ? readdirSync(dir) : []).toEqual([]);
  });
});

describe("params", () => {
  it("on stdin get the extension of what they look like", async () => {
    using temp = tempDir();
    const options = { env: { ORCH_HOME: temp.path }, stdin: "%PDF-1.7 and so on" };
    const { params } = await sent(["submit", "sdxl", "--image", "-"], options);
    expect((params as { image: string }).image).toMatch(/cache\/stdin\/[0-9a-f-]+\.pdf$/);
  });

  it("come from YAML, too, whose mistakes have a line", async () => {
    using temp = tempDir();
    writeFileSync(join(temp.path, "p.yaml"), "# as last time\nprompt: 'a fox'\nwidth: 768\n");
    const options = { cwd: temp.path };
    const fox = { prompt: "a fox", width: 768 };
    expect((await sent(["submit", "sdxl", "--params", "p.yaml"], options))["params"]).toEqual(fox);
    const stdin = "prompt: a fox\nwidth: 768\n";
    expect((await sent(["submit", "sdxl", "--params", "-"], { stdin }))["params"]).toEqual(fox);
    await using server = await serveAnswers(answers);
    const failed = async (text: string): Promise<string> => {
      writeFileSync(join(temp.path, "p.yml"), text);
      const run = await orch(["submit", "sdxl", "--params", "p.yml"], { ...server, cwd: temp.path });
      expect(run).toMatchObject({ code: 2, stdout: "" });
      return run.stderr;
    };
    expect(await failed("a: 1\na: 2\n")).toMatch(
      /^error: p\.yml:2:1: it is not valid YAML\n {2}why: Map keys/,
    );
    expect(await failed("- a\n")).toMatch(/^error: p\.yml is not a list of params/);
  });
});

it("--cron makes a schedule of a command, and refuses what makes no sense with it", async () => {
  const sentLine = await sent(["run", "--cron", "@daily", "--gpus", "1", "--", "make", "all"]);
  expect(sentLine).toMatchObject({
    line: "@daily",
    scheduled: { verb: "run", submission: { command: ["make", "all"], gpus: 1 } },
  });
  await using server = await serveAnswers(answers);
  for (const flags of [
    ["--array", "0-9"],
    ["--wait"],
    ["--sweep", "seed=1..3"],
    ["--idempotency-key", "k"],
  ]) {
    const run = await orch(["submit", "sdxl", "--cron", "@daily", ...flags], server);
    expect(run, flags.join(" ")).toMatchObject({ code: 2, stdout: "" });
  }
  expect(server.seen.map(({ route }) => route)).not.toContain("POST /schedules");
});
