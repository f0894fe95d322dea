import { Ollama } from "ollama";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { installPythonClients, runClient } from "./python-clients.ts";
import { addSmall, type Served, serve } from "./served.ts";

// Programs that nobody here wrote, against a small server.
const found = await installPythonClients();
const why = typeof found === "string" ? `: ${found}` : "";
const python = typeof found === "string" ? "" : found.python;

let served: Served;

beforeAll(async () => {
  served = await serve();
  addSmall(served.host, "one");
  addSmall(served.host, "native", "", "--anthropic");
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

describe.skipIf(why !== "")(`clients for Python${why}`, () => {
  it("OpenAI's", async () => {
    const answers = await runClient(python, "openai_client.py", served.url, served.key, "one");
    expect(answers).toMatchObject({
      models: expect.arrayContaining(["native", "one"]),
      chat: "w0 w1 ",
      stream: ["w0 ", "w1 "],
      text: "w0 ",
      vectors: [
        [1, 1, 0.5],
        [2, 1, 0.5],
      ],
      said: expect.stringMatching(/bytes, said\.wav, for one-v1$/),
      spoken: "RIFFhello",
      pictures: 2,
      errors: [
        [401, "AuthenticationError", "invalid_api_key"],
        [404, "NotFoundError", "model_not_found"],
        [400, "BadRequestError", "told"],
      ],
    });
  });

  it("Anthropic's: translated, and as it is to a server that speaks the same", async () => {
    const answers = await runClient(python, "anthropic_client.py", served.url, served.key, "one", "native");
    const tool = { type: "tool_use", id: "call_1", name: "weather", input: { city: "Bonn" } };
    expect(answers).toMatchObject({
      whole: {
        model: "one",
        role: "assistant",
        content: [{ type: "text", text: "w0 w1 " }],
        stop_reason: "end_turn",
        usage: { input_tokens: 5, output_tokens: 2 },
      },
      texts: ["w0 ", "w1 "],
      stream: { stop: "end_turn", out: 2, text: "w0 w1 " },
      tool: [tool],
      tool_stop: "tool_use",
      tool_stream: [tool],
      after_tool: expect.stringMatching(/^w0 /),
      native: "natively",
      errors: [
        [401, "AuthenticationError", "authentication_error"],
        [404, "NotFoundError", "not_found_error"],
        [400, "BadRequestError", "invalid_request_error"],
        [418, "APIStatusError", "invalid_request_error"],
        [404, "NotFoundError", "not_found_error"],
      ],
    });
  });

  it("Ollama's", async () => {
    const answers = await runClient(python, "ollama_client.py", served.url, served.key, "one");
    expect(answers).toMatchObject({
      models: expect.arrayContaining(["native", "one"]),
      chat: ["w0 w1 ", "stop", 2, true],
      stream: ["w0 ", "w1 ", ""],
      generate: "w0 w1 w2 ",
      load: "load",
      loaded: ["one", true, true],
      vectors: [
        [1, 1, 0.5],
        [2, 1, 0.5],
      ],
      old_vector: [3, 1, 0.5],
      shown: ["completion", "tools"],
      tool: [["weather", { city: "Bonn" }]],
      errors: [
        [404, expect.stringContaining('there is no model "none"')],
        [403, expect.stringContaining("runtimes of this host")],
        [-1, expect.stringContaining("broke off")],
      ],
    });
  });
});

describe("Ollama's client for Node", () => {
  const client = (): Ollama =>
    new Ollama({ host: served.url, headers: { authorization: `Bearer ${served.key}` } });

  it("chats, whole and in pieces, and keeps the model as long as it says", async () => {
    const whole = await client().chat({ model: "one", messages: [{ role: "user", content: "tokens=2" }] });
    expect(whole).toMatchObject({ model: "one", done: true, message: { content: "w0 w1 " } });
    const pieces = [];
    for await (const { message } of await client().chat({
      model: "one",
      messages: [{ role: "user", content: "tokens=2" }],
      stream: true,
    }))
      pieces.push(message.content);
    expect(pieces).toEqual(["w0 ", "w1 ", ""]);
    const kept = async () => (await client().ps()).models.map(({ model }) => model);
    await client().generate({ model: "one", prompt: "", keep_alive: -1 });
    expect(await kept()).toEqual(["one"]);
    const gone = await client().generate({ model: "one", prompt: "", keep_alive: 0 });
    expect(gone).toMatchObject({ done: true, done_reason: "unload" });
    await until("the model is gone", async () => (await kept()).length === 0);
    expect(await client().generate({ model: "one", prompt: "", keep_alive: 0 })).toMatchObject({
      done_reason: "unload",
    });
    expect(await kept()).toEqual([]);
  });

  it("has its paths beside those of orch, also for curl -d", async () => {
    const version = await ask(served.url, { path: "/api/version", key: served.key });
    expect(version).toMatchObject({ status: 200, json: { version: expect.stringMatching(/^\d/) } });
    expect(await ask(served.url, { path: "/api/tags" })).toMatchObject({
      status: 401,
      json: { error: expect.stringContaining("API key") },
    });
    const curl = await ask(served.url, {
      method: "POST",
      path: "/api/generate",
      key: served.key,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: '{"model":"one","prompt":"tokens=1","stream":false}',
    });
    expect(curl).toMatchObject({ status: 200, json: { response: "w0 " } });
    const reader = await served.makeKey("reader", "--scope", "read");
    expect((await ask(served.url, { path: "/api/v1/workers", key: reader })).status).toBe(200);
  });
});
