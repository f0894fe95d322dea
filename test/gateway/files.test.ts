import { createHash } from "node:crypto";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { untilOver, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { openBrowser } from "./browser.ts";
import { type Answer, type Asking, ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
/** Copies its file, and makes some more that are like what models make, or not at all. */
const COPY = `name: copy
protocol: exec
command:
  - python3
  - -c
  - |
    import json, os, pathlib
    out = pathlib.Path(os.environ["ORCH_OUTPUT_DIR"])
    params = json.load(open(os.environ["ORCH_PARAMS"]))
    (out / "deep" / "er").mkdir(parents=True)
    if params.get("file"): (out / "copy.bin").write_bytes(open(params["file"], "rb").read())
    (out / "deep" / "er" / "ünï code.txt").write_text("hello world")
    (out / "page.html").write_text("<script>alert(1)</script>")
    (out / "picture.svg").write_text("<svg/>")
    (out / "picture.png").write_bytes(bytes(range(256)) * 4)
    (out / "empty.txt").write_text("")
    os.symlink("/etc/passwd", out / "link.txt")
params: { file: { type: file } }
`;
const CANARY = "canary-7f3a";

let home: OrchHome;
let url: string;
let key: string;
let rssBytes: () => number;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  home.write("runtimes/copy/runtime.yaml", COPY);
  home.write("secret.txt", CANARY);
  const daemon = await home.daemon();
  rssBytes = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  key = await makeKey(home, "files");
  url = await urlOf(home);
});
afterAll(() => home[Symbol.asyncDispose]());

const get = (path: string, more: Partial<Asking> = {}): Promise<Answer> =>
  ask(url, { path: `/api/v1${path}`, key, ...more });
const post = (path: string, body: unknown, more: Partial<Asking> = {}): Promise<Answer> =>
  ask(url, { method: "POST", path: `/api/v1${path}`, body, key, ...more });
const send = (text: string, headers: http.OutgoingHttpHeaders = {}, more: Partial<Asking> = {}) =>
  post("/uploads", text, {
    headers: { "content-type": "text/plain", "x-orch-filename": "in.txt", ...headers },
    ...more,
  });

/** A job of the runtime that has ended. */
async function made(params: object = {}): Promise<{ id: number; dir: string; index(name: string): number }> {
  const { json } = await post("/jobs", { runtime: "copy", params });
  const id = Number(json["id"]);
  expect((await untilOver(home, id)).state).toBe("succeeded");
  const { outputDir } = await home.client.call("GET /jobs/:job", { job: id });
  const { artifacts } = (await get(`/jobs/${id}/artifacts`)).json as {
    artifacts: { index: number; name: string }[];
  };
  return {
    id,
    dir: outputDir,
    index: (name) => artifacts.find((each) => each.name === name)?.index ?? -1,
  };
}

describe("an upload", () => {
  it("is a file for jobs, over TCP, the socket and from the dashboard", async () => {
    const sent = await send("what was sent");
    const sha256 = createHash("sha256").update("what was sent").digest("hex");
    expect(sent).toMatchObject({
      status: 200,
      json: { name: "in.txt", bytes: 13, type: "text/plain", sha256 },
    });
    const upload = String(sent.json["upload"]);
    expect(upload).toBe(`upload:${sha256}.txt`);
    const job = await made({ file: upload });
    const copy = await get(`/jobs/${job.id}/artifacts/${job.index("copy.bin")}`);
    expect(copy.text).toBe("what was sent");
    const { id } = await home.client.call("POST /jobs", { runtime: "copy", params: { file: upload } });
    expect((await untilOver(home, id)).state).toBe("succeeded");
    const browser = await openBrowser(home);
    const own = await browser.post("/api/v1/uploads", "by hand", {
      headers: { "x-orch-filename": encodeURIComponent("../ünï.txt") },
    });
    expect(own).toMatchObject({ status: 200, json: { name: "ünï.txt", bytes: 7 } });
  });

  it("is nobody else's, and no path: what is not an upload of one's own is refused [fault 50]", async () => {
    const digest = "a".repeat(64);
    const refused = [
      "upload:",
      `upload:${digest}`,
      "upload:../../config.yaml",
      "upload:..%2f..%2fconfig.yaml",
    ];
    for (const file of [
      ...refused,
      "upload:/etc/passwd",
      "upload:x\u0000y",
      "/etc/passwd",
      `${home.dir}/secret.txt`,
    ]) {
      const answer = await post("/jobs", { runtime: "copy", params: { file } });
      expect(answer.status, file).toBe(400);
      expect(answer.json["code"]).toMatch(/^(param\/invalid|request\/malformed)$/);
    }
    const stranger = await send("x", {}, { key: "orch_wrong" });
    expect(stranger.status).toBe(401);
    const reader = await makeKey(home, "reader", "--scope", "read");
    expect((await send("x", {}, { key: reader })).status).toBe(403);
  });

  it("may be large: it goes through the daemon in pieces, and back again", async () => {
    const [pieces, piece] = [96, Buffer.alloc(2 ** 20, "large ")];
    const before = rssBytes();
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${key}`, "x-orch-filename": "large.bin" };
      const asked = http.request(new URL("/api/v1/uploads", url), { method: "POST", headers }, (response) => {
        response.once("data", (text) => resolve(String(text)));
      });
      asked.once("error", reject);
      Readable.from(Array.from({ length: pieces }, () => piece)).pipe(asked);
    });
    const { upload, bytes, sha256 } = JSON.parse(answer) as Record<string, unknown>;
    expect(bytes).toBe(pieces * piece.length);
    const job = await made({ file: upload });
    const path = `/api/v1/jobs/${job.id}/artifacts/${job.index("copy.bin")}`;
    const back = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } });
    const hash = createHash("sha256");
    for await (const chunk of back.body ?? []) hash.update(chunk as Uint8Array);
    expect(hash.digest("hex")).toBe(sha256);
    expect(rssBytes() - before, "bytes more").toBeLessThan(64 * 2 ** 20);
    const tooLong = http.request(new URL("/api/v1/uploads", url), {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-length": 2 ** 30 },
    });
    tooLong.on("error", () => undefined);
    tooLong.flushHeaders();
    const refused = await new Promise<http.IncomingMessage>((resolve) => tooLong.once("response", resolve));
    expect(refused.statusCode, "before it is sent").toBe(413);
    tooLong.destroy();
  });

  it("that is not whole, a form, packed or badly named leaves nothing behind [fault 47]", async () => {
    const parts = (): number =>
      readdirSync(home.dir, { recursive: true }).filter((name) => String(name).endsWith(".part")).length;
    const broken = http.request(new URL("/api/v1/uploads", url), {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-length": 1_000_000 },
    });
    broken.on("error", () => undefined);
    broken.write("x".repeat(100_000));
    await until("it is being written", () => parts() === 1);
    broken.destroy();
    await until("it is removed", () => parts() === 0);
    expect((await send("x", { "content-type": "multipart/form-data; boundary=x" })).status).toBe(400);
    expect((await send("x", { "content-encoding": "gzip" })).status).toBe(400);
    expect((await send("x", { "x-orch-filename": "a".repeat(256) })).status).toBe(400);
    expect((await send("x", { "x-orch-filename": "a%00b" })).status).toBe(400);
    expect(parts()).toBe(0);
  });
});

describe("an artifact", () => {
  it("is fetched by its number, whole or in part", async () => {
    const job = await made();
    const list = await get(`/jobs/${job.id}/artifacts`);
    const { artifacts } = list.json as { artifacts: { name: string; bytes: number; type: string | null }[] };
    expect(artifacts.map(({ name }) => name)).toEqual([
      "deep/er/ünï code.txt",
      "empty.txt",
      "page.html",
      "picture.png",
      "picture.svg",
    ]);
    const path = (name: string): string => `/jobs/${job.id}/artifacts/${job.index(name)}`;
    const text = await get(path("deep/er/ünï code.txt"));
    expect(text).toMatchObject({ status: 200, text: "hello world" });
    expect(text.headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-length": "11",
      "content-disposition": `inline; filename="_n_ code.txt"; filename*=UTF-8''%C3%BCn%C3%AF%20code.txt`,
      "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    });
    for (const name of ["page.html", "picture.svg"]) {
      const { headers } = await get(path(name));
      expect(headers["content-type"], name).toBe("application/octet-stream");
      expect(headers["content-disposition"]).toMatch(/^attachment; /);
    }
    expect(await get(path("empty.txt"))).toMatchObject({ status: 200, text: "" });
    const part = (range: string, more = {}) =>
      get(path("deep/er/ünï code.txt"), { headers: { range, ...more } });
    expect(await part("bytes=0-4")).toMatchObject({
      status: 206,
      text: "hello",
      headers: { "content-range": "bytes 0-4/11" },
    });
    expect(await part("bytes=6-")).toMatchObject({ status: 206, text: "world" });
    expect(await part("bytes=-5")).toMatchObject({ status: 206, text: "world" });
    expect(await part("bytes=9-99")).toMatchObject({ status: 206, text: "ld" });
    expect(await part("bytes=11-")).toMatchObject({
      status: 416,
      headers: { "content-range": "bytes */11" },
    });
    expect(await part("bytes=5-2")).toMatchObject({ status: 416 });
    for (const odd of ["bytes=0-1,3-4", "bytes=-", "lines=1-2", "bytes=a-b"])
      expect(await part(odd), odd).toMatchObject({ status: 200, text: "hello world" });
    expect(await part("bytes=0-4", { "if-range": '"other"' })).toMatchObject({ status: 200 });
    const same = await get(path("empty.txt"), { headers: { "if-none-match": text.headers.etag } });
    expect(same.status).toBe(200);
    expect(
      (await get(path("deep/er/ünï code.txt"), { headers: { "if-none-match": text.headers.etag } })).status,
    ).toBe(304);
    const local = await ask(url, { path: `/api/v1${path("picture.png")}`, key });
    expect(local.headers["content-type"]).toBe("image/png");
  });

  it("is on the socket, too", async () => {
    const job = await made();
    const got = await new Promise<string>((resolve, reject) => {
      const path = `/api/v1/jobs/${job.id}/artifacts/${job.index("deep/er/ünï code.txt")}`;
      const asked = http.get({ socketPath: home.socket, path }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += String(chunk);
        });
        response.on("end", () => resolve(`${response.statusCode} ${text}`));
      });
      asked.on("error", reject);
    });
    expect(got).toBe("200 hello world");
  });

  it("is no way to any other file, whatever is put in its place [fault 50]", async () => {
    const job = await made();
    const numbers = [
      "-1",
      "99",
      "1e9",
      "0x1",
      "..",
      "%2e%2e",
      "../../secret.txt",
      "..%2f..%2fsecret.txt",
      "%00",
      "a",
    ];
    for (const index of [...numbers, "deep", "link.txt", "1.5", ""]) {
      const answer = await get(`/jobs/${job.id}/artifacts/${index}`);
      expect([400, 404], `${index}: ${answer.status}`).toContain(answer.status);
      expect(answer.text).not.toContain(CANARY);
    }
    const secret = join(home.dir, "secret.txt");
    const swap = async (name: string, put: (path: string) => void, fetched = name): Promise<void> => {
      const path = join(job.dir, name);
      renameSync(path, `${path}.away`);
      put(path);
      const answer = await get(`/jobs/${job.id}/artifacts/${job.index(fetched)}`);
      expect(answer, fetched).toMatchObject({ status: 400, json: { code: "file/missing" } });
      expect(answer.text).not.toContain(CANARY);
      rmSync(path, { recursive: true, force: true });
      renameSync(`${path}.away`, path);
    };
    await swap("empty.txt", (path) => symlinkSync(secret, path));
    await swap("empty.txt", () => undefined);
    home.write("er/ünï code.txt", CANARY);
    await swap("deep", (path) => symlinkSync(home.dir, path), "deep/er/ünï code.txt");
    await swap("../output", (path) => symlinkSync(home.dir, path), "page.html");
    expect(existsSync(secret)).toBe(true);
    writeFileSync(join(job.dir, "empty.txt"), "grown");
    expect((await get(`/jobs/${job.id}/artifacts/${job.index("empty.txt")}`)).text).toBe("grown");
    expect(readFileSync(secret, "utf8")).toBe(CANARY);
  });
});

describe("the logs of everything", () => {
  it("are for keys of admins, with the filters of orch logs", async () => {
    const admin = await makeKey(home, "boss", "--scope", "read,submit,run,admin");
    const { json } = await post(
      "/jobs/run",
      { command: ["sh", "-c", "echo one; echo loss 2; echo three"], cwd: "/" },
      { key: admin },
    );
    await untilOver(home, Number(json["id"]));
    const lines = async (query: string): Promise<Record<string, unknown>[]> => {
      const { text, status } = await ask(url, {
        path: `/api/v1/logs?jobs=${json["id"]}&${query}`,
        key: admin,
      });
      expect(status, text).toBe(200);
      return text
        .trim()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    };
    const all = JSON.stringify(await lines(""));
    expect(all).toContain("one");
    const some = JSON.stringify(await lines("grep=loss"));
    expect(some).toContain("loss 2");
    expect(some).not.toContain("three");
    const future = new Date(Date.now() + 60_000).toISOString();
    expect(JSON.stringify(await lines(`since=${encodeURIComponent(future)}`))).not.toContain("one");
    expect((await get(`/logs?jobs=${json["id"]}`)).status).toBe(403);
  });
});
