import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createOpenaiProtocol } from "../../../src/worker/protocols/openai.ts";
import type { ServiceSpec } from "../../../src/worker/service.ts";
import { answerJson, type Behaviour, type OddServer, startOddServer } from "../../kit/odd-server.ts";
import { newFolder, plainSpec, runAt } from "../../kit/service-run.ts";
import { until } from "../../kit/until.ts";

const models = { object: "list", data: [{ id: "tiny" }] };

/** A server with a list of models whose other requests do what the test says. */
function withModels(behave: Behaviour): Promise<OddServer> {
  return startOddServer((request, response) => {
    if (request.path === "/v1/models") return answerJson(response, models);
    if (request.path === "/health") return answerJson(response, {});
    return behave(request, response);
  });
}

function protocolOf(server: OddServer, spec: Partial<ServiceSpec> = {}) {
  return createOpenaiProtocol(server.endpoint, { ...plainSpec, ...spec });
}

const chunk = (content: string, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}`;

function startStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
}

function stream(response: ServerResponse, text: string): void {
  startStream(response);
  response.end(text);
}

describe("a chat", () => {
  it("sends the job's params under their names and gathers text, reason and usage", async () => {
    await using server = await withModels((_request, response) => {
      const usage = `data: ${JSON.stringify({ choices: [], usage: { total_tokens: 3 } })}`;
      const end = [chunk("", "stop"), usage, "data: [DONE]", ""];
      stream(response, [chunk("one\nt"), chunk("wo"), ...end].join("\n\n"));
    });
    const run = runAt(protocolOf(server, { loadParams: ["size"] }), {
      prompt: "hi",
      system: "be brief",
      max_tokens: 4,
      stop: '["a","b"]',
      size: "7b",
    });
    expect(await run.outcome).toEqual({
      kind: "succeeded",
      output: { text: "one\ntwo", finishReason: "stop", usage: { total_tokens: 3 } },
      artifacts: [],
    });
    expect(run.events.filter(({ type }) => type === "text")).toEqual([
      { type: "text", text: "one\nt" },
      { type: "text", text: "wo" },
    ]);
    expect(run.events[1]).toEqual({ type: "progress", fraction: 0.25, text: "t" });
    expect(JSON.parse(server.seen.at(-1)?.body ?? "")).toEqual({
      stream: true,
      stream_options: { include_usage: true },
      model: "tiny",
      max_tokens: 4,
      stop: ["a", "b"],
      messages: [
        { role: "system", content: "be brief" },
        { role: "user", content: "hi" },
      ],
    });
  });

  it("understands a stream however it is cut and its lines end", async () => {
    const text = [
      ": comment",
      "event: x\r\nid: 1",
      chunk("ü🐳\r"),
      `${chunk("!", "stop")}\r`,
      "data: [DONE]",
    ];
    const bytes = Buffer.from(`\ufeff${text.join("\r\n\r\n")}\r\n\r\n`);
    await using server = await withModels(async (_request, response) => {
      startStream(response);
      for (const byte of bytes) {
        response.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
      response.end();
    });
    const { outcome } = runAt(protocolOf(server), { prompt: "hi" });
    expect(await outcome).toMatchObject({ kind: "succeeded", output: { text: "ü🐳\r!" } });
  });

  it("takes a whole answer, reasoning, calls of tools and several choices", async () => {
    const call = (index: number, id: string | null, name: string | null, text: string) => ({
      index: 0,
      delta: { reasoning_content: "hm", tool_calls: [{ index, id, function: { name, arguments: text } }] },
    });
    await using server = await withModels(({ body }, response) => {
      const choices = [0, 1].map((index) => ({
        index,
        message: { content: `n${index}` },
        finish_reason: "stop",
      }));
      if (body.includes('"stream":false')) return answerJson(response, { choices });
      const pieces = [
        call(0, "c1", "add", '{"a"'),
        call(0, null, null, ":1}"),
        { index: 0, finish_reason: "tool_calls" },
      ];
      const lines = pieces.map((piece) => `data: ${JSON.stringify({ choices: [piece] })}\n\n`);
      stream(response, lines.join(""));
    });
    const protocol = protocolOf(server);
    expect(await runAt(protocol, { prompt: "hi" }).outcome).toMatchObject({
      output: {
        text: "",
        finishReason: "tool_calls",
        reasoning: "hmhm",
        toolCalls: [{ id: "c1", name: "add", arguments: '{"a":1}' }],
      },
    });
    expect(await runAt(protocol, { prompt: "hi", stream: false, n: 2 }).outcome).toMatchObject({
      output: { text: "n0", choices: [{ text: "n0" }, { text: "n1" }] },
    });
  });

  it("sends pictures and sounds with the prompt", async () => {
    await using server = await withModels((_request, response) =>
      stream(response, `${chunk("a cat", "stop")}\n\n`),
    );
    const picture = join(newFolder(), "cat.png");
    const sound = join(newFolder(), "cat.wav");
    writeFileSync(picture, Buffer.alloc(100_000, "cat"));
    writeFileSync(sound, "RIFF");
    const protocol = protocolOf(server, { fileParams: ["picture", "sound"] });
    expect(await runAt(protocol, { prompt: "what?", picture, sound }).outcome).toMatchObject({
      kind: "succeeded",
    });
    expect(JSON.parse(server.seen.at(-1)?.body ?? "").messages[0].content).toEqual([
      { type: "text", text: "what?" },
      {
        type: "image_url",
        image_url: { url: `data:image/png;base64,${Buffer.alloc(100_000, "cat").toString("base64")}` },
      },
      { type: "input_audio", input_audio: { data: Buffer.from("RIFF").toString("base64"), format: "wav" } },
    ]);
  });

  it("is cancelled by closing its connection", async () => {
    await using server = await withModels((_request, response) => {
      startStream(response);
      response.write(`${chunk("endless")}\n\n`);
    });
    const protocol = protocolOf(server);
    const { events, outcome } = runAt(protocol, { prompt: "hi" });
    await until("text comes", () => events.length > 0);
    await protocol.cancel("", 7);
    await protocol.cancel("", 7);
    expect(await outcome).toEqual({ kind: "cancelled", message: "the job was cancelled" });
    await server.seen.at(-1)?.closed;
  });

  it("that the daemon lets go of ends as lost", async () => {
    await using server = await withModels(() => undefined);
    const protocol = protocolOf(server);
    const { outcome } = runAt(protocol, { prompt: "hi" });
    await until("it was asked", () => server.seen.length === 2);
    protocol.forget("");
    expect((await outcome).kind).toBe("lost");
    await server.seen.at(-1)?.closed;
  });
});

describe("a server that misbehaves", () => {
  const cases: readonly [what: string, kind: string, message: RegExp, behave: Behaviour][] = [
    [
      "refuses",
      "failed",
      /HTTP 400: too long/,
      (_r, response) => answerJson(response, { error: { message: "too long" } }, 400),
    ],
    [
      "validates",
      "failed",
      /HTTP 422: body.messages: required/,
      (_r, response) =>
        answerJson(response, { detail: [{ loc: ["body", "messages"], msg: "required" }] }, 422),
    ],
    [
      "breaks down",
      "failed",
      /HTTP 500: Bad Gateway/,
      (_r, response) => void response.writeHead(500).end("<html><title>Bad Gateway</title></html>"),
    ],
    [
      "breaks down in the middle of saying so",
      "failed",
      /HTTP 502$/,
      (_r, response) => {
        response.writeHead(502, { "content-length": 100 });
        response.write("Bad", () => response.destroy());
      },
    ],
    [
      "sends a page of open tags",
      "failed",
      /HTTP 500: </,
      (_r, response) => void response.writeHead(500).end("<".repeat(1_000_000)),
    ],
    [
      "sends a page",
      "failed",
      /not JSON \(text\/html\): <p>/,
      (_r, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>hi</p>"),
    ],
    [
      "sends something else",
      "failed",
      /no completion/,
      (_r, response) => answerJson(response, { choices: "x" }),
    ],
    [
      "sends an error in the stream",
      "failed",
      /gave up: CUDA out of memory/,
      (_r, response) =>
        stream(response, `${chunk("a")}\n\ndata: {"error":{"message":"CUDA out of memory"}}\n\n`),
    ],
    [
      "sends no JSON in the stream",
      "failed",
      /not JSON: oops/,
      (_r, response) => stream(response, "data: oops\n\n"),
    ],
    [
      "sends an endless event",
      "failed",
      /longer than 4 MiB/,
      (_r, response) => stream(response, `data: ${"x".repeat(5 * 1024 * 1024)}`),
    ],
    ["ends in the middle", "lost", /in the middle/, (_r, response) => stream(response, `${chunk("a")}\n\n`)],
    [
      "breaks off",
      "lost",
      /broke off/,
      (_r, response) => {
        startStream(response);
        response.write(`${chunk("a")}\n\n`, () => response.destroy());
      },
    ],
    ["hangs up", "lost", /cannot be reached/, (_r, response) => void response.destroy()],
  ];
  it.each(cases)("%s: the job is %s", async (_what, kind, message, behave) => {
    await using server = await withModels(behave);
    const outcome = await runAt(protocolOf(server), { prompt: "hi" }).outcome;
    expect(outcome).toMatchObject({ kind, message: expect.stringMatching(message) });
    if (outcome.kind === "failed") {
      expect(outcome.cause).toBe(/out of memory/.test(outcome.message) ? "out-of-memory" : undefined);
    }
  });

  it("is asked again while it says that it cannot yet", async () => {
    let asked = 0;
    await using server = await withModels((_request, response) => {
      asked += 1;
      if (asked < 3)
        return answerJson(response, { error: { message: "Loading model" } }, asked === 1 ? 503 : 429);
      return stream(response, `${chunk("now", "stop")}\n\n`);
    });
    expect(await runAt(protocolOf(server), { prompt: "hi" }).outcome).toMatchObject({
      output: { text: "now" },
    });
    expect(asked).toBe(3);
  });

  it("says an error in the way of older servers", async () => {
    await using server = await withModels((_request, response) =>
      answerJson(response, { object: "error", message: "no such thing" }),
    );
    expect(await runAt(protocolOf(server), { prompt: "hi" }).outcome).toMatchObject({
      kind: "failed",
      message: "the server gave up: no such thing",
    });
  });

  it("is gone: the job is lost, and nobody answers", async () => {
    const server = await startOddServer(() => undefined);
    await server[Symbol.asyncDispose]();
    const protocol = protocolOf(server, { model: "m" });
    expect((await runAt(protocol, { prompt: "hi" }).outcome).kind).toBe("lost");
    expect(await protocol.health("", 500)).toBeNull();
    await protocol.cancel("", 7);
  });

  it.each([
    [{ messages: "{}" }, /"messages" cannot be sent: it must be a JSON list/],
    [{ messages: "[x" }, /"messages" is not JSON/],
    [{ prompt: "x", picture: "/etc/hostname" }, /neither a picture nor a sound/],
    [{ prompt: "x", picture: "/nowhere/cat.png" }, /cannot send the file .*ENOENT/],
  ])("is not asked with %j", async (params, message) => {
    await using server = await withModels(() => undefined);
    const protocol = protocolOf(server, { model: "m", fileParams: ["picture"] });
    const outcome = await runAt(protocol, params).outcome;
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringMatching(message) });
    expect(server.seen).toEqual([]);
  });
});
