import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createOpenaiProtocol } from "../../../src/worker/protocols/openai.ts";
import type { ServiceSpec } from "../../../src/worker/service.ts";
import { answerJson, type Behaviour, startOddServer } from "../../kit/odd-server.ts";
import { newFolder, plainSpec, runAt } from "../../kit/service-run.ts";
import { until } from "../../kit/until.ts";

const png = Buffer.from("\x89PNG\r\n\x1a\n1", "latin1");

function protocolOf(server: { endpoint: string }, spec: Partial<ServiceSpec>) {
  return createOpenaiProtocol(server.endpoint, { ...plainSpec, model: "m", ...spec });
}

/** A file with content; its path. */
function fileWith(name: string, content: string): string {
  const path = join(newFolder(), name);
  writeFileSync(path, content);
  return path;
}

describe("the other APIs", () => {
  it("embeddings come in the order of the inputs", async () => {
    await using server = await startOddServer((_request, response) => {
      const data = [1, 0].map((index) => ({ index, embedding: [index, 0.5] }));
      answerJson(response, { data, usage: { total_tokens: 2 } });
    });
    const run = runAt(protocolOf(server, { api: "embeddings" }), { input: '["a","b"]' });
    expect(await run.outcome).toMatchObject({
      output: {
        embeddings: [
          [0, 0.5],
          [1, 0.5],
        ],
        usage: { total_tokens: 2 },
      },
    });
    expect(server.seen[0]).toMatchObject({ path: "/v1/embeddings", body: '{"model":"m","input":["a","b"]}' });
  });

  it("an output that is too long for the database becomes a file", async () => {
    const embedding = Array.from({ length: 200_000 }, (_, index) => index);
    await using server = await startOddServer((_request, response) =>
      answerJson(response, { data: [{ embedding }] }),
    );
    const run = runAt(protocolOf(server, { api: "embeddings" }), { input: "a" });
    expect(await run.outcome).toMatchObject({
      output: { savedAs: "output.json" },
      artifacts: [{ name: "output.json", type: "application/json" }],
    });
    expect(JSON.parse(run.file("output.json").toString()).embeddings[0]).toEqual(embedding);
  });

  it("images become files, from base64 and from the server's own addresses", async () => {
    await using server = await startOddServer(({ path }, response) => {
      if (path === "/files/cat.png?x=1") return void response.end(png);
      const b64_json = png.toString("base64");
      return answerJson(response, {
        data: [{ b64_json }, { b64_json }, { url: "http://localhost:9/files/cat.png?x=1" }],
      });
    });
    const run = runAt(protocolOf(server, { api: "images" }), { prompt: "a cat", size: "64x64" });
    expect(await run.outcome).toMatchObject({ output: { images: ["image.png", "image-2.png", "cat.png"] } });
    expect(run.file("cat.png")).toEqual(png);
    expect(JSON.parse(server.seen[0]?.body ?? "")).toMatchObject({
      response_format: "b64_json",
      size: "64x64",
    });
  });

  it.each([
    "http://example.org/x.png",
    "http://169.254.169.254/latest",
    "//example.org/x",
    "file:///etc/passwd",
  ])("no other host is asked for a file: %s", async (url) => {
    await using server = await startOddServer((_request, response) =>
      answerJson(response, { data: [{ url }] }),
    );
    expect(await runAt(protocolOf(server, { api: "images" }), { prompt: "x" }).outcome).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("not its own"),
    });
    expect(server.seen).toHaveLength(1);
  });

  it("a transcription sends its file as a form", async () => {
    await using server = await startOddServer((_request, response) =>
      answerJson(response, { text: "hello" }),
    );
    const sound = fileWith('so"und.wav', "RIFF....");
    const protocol = protocolOf(server, { api: "transcriptions", fileParams: ["sound"] });
    const run = runAt(protocol, { sound, language: "en", temperature: 0.5 });
    expect(await run.outcome).toMatchObject({ output: { text: "hello" } });
    expect(run.log()).toEqual(["hello"]);
    const { headers, body } = server.seen[0] ?? { headers: {}, body: "" };
    expect(headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
    expect(headers["content-length"]).toBe(String(body.length));
    expect(body).toContain(
      'name="file"; filename="so%22und.wav"\r\ncontent-type: audio/wav\r\n\r\nRIFF....\r\n',
    );
    expect(body).toContain('name="language"\r\n\r\nen\r\n');
    expect(body).toContain('name="temperature"\r\n\r\n0.5\r\n');
  });

  it("speech is saved as it comes", async () => {
    const sound = Buffer.alloc(3_000_000, "s");
    await using server = await startOddServer((_request, response) => {
      response.writeHead(200, { "content-type": "audio/mpeg" });
      response.end(sound);
    });
    const run = runAt(protocolOf(server, { api: "speech" }), { input: "hello", voice: "alloy" });
    expect(await run.outcome).toMatchObject({
      output: { audio: "speech.mp3" },
      artifacts: [{ name: "speech.mp3", bytes: 3_000_000, type: "audio/mpeg" }],
    });
    expect(run.file("speech.mp3").equals(sound)).toBe(true);
  });

  it("speech that breaks off leaves no file", async () => {
    await using server = await startOddServer((_request, response) => {
      response.writeHead(200, { "content-type": "audio/mpeg" });
      response.write("half", () => response.destroy());
    });
    const run = runAt(protocolOf(server, { api: "speech" }), { input: "hello" });
    expect(await run.outcome).toMatchObject({ kind: "lost", message: expect.stringContaining("broke off") });
    expect(() => run.file("speech.mp3")).toThrow(/ENOENT/);
  });

  it("a ranking, with documents from a file", async () => {
    await using server = await startOddServer((_request, response) =>
      answerJson(response, { results: [{ index: 1 }] }),
    );
    const documents = fileWith("d.json", '["a","b"]');
    const protocol = protocolOf(server, { api: "rerank", fileParams: ["documents"] });
    expect(await runAt(protocol, { query: "b", documents }).outcome).toMatchObject({
      output: { results: [{ index: 1 }] },
    });
    expect(JSON.parse(server.seen[0]?.body ?? "")).toMatchObject({ query: "b", documents: ["a", "b"] });
  });
});

describe("readiness", () => {
  const loading = { error: { code: 503, message: "Loading model", type: "unavailable_error" } };
  const list = { data: [{ id: "m" }] };

  async function withServer(behave: Behaviour, spec: Partial<ServiceSpec> = {}) {
    const server = await startOddServer(behave);
    const protocol = protocolOf(server, spec);
    return { server, protocol, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  }

  it("is had once the model is listed and has answered a first request, however long that takes", async () => {
    let step = 0;
    const finish: (() => void)[] = [];
    await using at = await withServer(({ path }, response) => {
      if (path === "/health") return answerJson(response, step === 0 ? loading : {}, step === 0 ? 503 : 200);
      if (path === "/v1/models") return answerJson(response, step === 1 ? { data: [{ id: "other" }] } : list);
      const choices = [{ index: 0, message: { content: "" }, finish_reason: "length" }];
      finish.push(() => answerJson(response, { choices }));
    });
    const health = () => at.protocol.health("", 1_000);
    expect(await health()).toMatchObject({
      status: "starting",
      detail: expect.stringContaining("Loading model"),
    });
    step = 1;
    expect(await health()).toMatchObject({
      status: "starting",
      detail: expect.stringContaining("other, not m"),
    });
    step = 2;
    expect(await health()).toMatchObject({
      status: "starting",
      detail: expect.stringContaining("first request"),
    });
    await until("the first request is there", () => finish.length === 1);
    expect((await health())?.status).toBe("starting");
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await until("it is ready", async () => (await health())?.status === "ready");
    expect(finish).toHaveLength(1);
  });

  it.each([
    ["a wrong endpoint", 404, { detail: "Not Found" }, "failed"],
    ["a GPU that is too small", 500, { error: { message: "CUDA out of memory" } }, "failed"],
    ["some trouble", 500, { error: { message: "try again" } }, "starting"],
  ])("a first request that meets %s", async (_what, status, body, expected) => {
    await using at = await withServer(({ path }, response) => {
      if (path === "/v1/models") return answerJson(response, list);
      return path === "/health" ? answerJson(response, {}, 404) : answerJson(response, body, status);
    });
    await at.protocol.health("", 1_000);
    const health = await until("it has failed", async () => {
      const found = await at.protocol.health("", 1_000);
      return found?.detail?.includes("failed") && found;
    });
    expect(health.status).toBe(expected);
  });

  it.each([
    ["no list", "nonsense", /is no list of models/],
    ["an empty list", JSON.stringify({ data: [] }), /lists no model/],
  ])("is not had with %s", async (_what, text, detail) => {
    await using at = await withServer((_request, response) => void response.end(text));
    expect(await at.protocol.health("", 1_000)).toMatchObject({
      status: "starting",
      detail: expect.stringMatching(detail),
    });
  });

  it("needs no list of models, asks its own path and no first request for pictures", async () => {
    await using at = await withServer(
      ({ path }, response) => answerJson(response, {}, path === "/ready" ? 200 : 404),
      { readyPath: "/ready", api: "images" },
    );
    expect(await at.protocol.health("", 1_000)).toMatchObject({ status: "ready" });
    expect(at.server.seen.map(({ path }) => path)).toEqual(["/ready", "/v1/models"]);
  });

  it("a server that hangs is given up at the deadline", async () => {
    await using at = await withServer(() => undefined);
    const startMs = performance.now();
    expect(await at.protocol.health("", 100)).toBeNull();
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });
});
