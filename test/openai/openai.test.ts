import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { addSmall, type Served, serve } from "./served.ts";

let served: Served;
let client: OpenAI;

beforeAll(async () => {
  served = await serve();
  addSmall(served.host, "one", "aliases: [gpt-4o, { name: vendor/one-small }]\n");
  addSmall(served.host, "two");
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 });
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

const chat = (model: string, content: string, more: object = {}) =>
  client.chat.completions.create({ model, messages: [{ role: "user", content }], ...more });

describe("OpenAI's client for Node", () => {
  it("lists models: runtimes and their aliases", async () => {
    const names = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toEqual(expect.arrayContaining(["gpt-4o", "one", "two", "vendor/one-small"]));
    expect(await client.models.retrieve("vendor/one-small")).toMatchObject({ id: "vendor/one-small" });
    await expect(client.models.retrieve("three")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });

  it("gets an answer, whole, by the name that the server itself knows", async () => {
    const { data, response } = await client.chat.completions
      .create({ model: "gpt-4o", messages: [{ role: "user", content: "hi ünï" }], seed: 7 })
      .withResponse();
    expect(data).toMatchObject({ model: "one-v1", choices: [{ message: { content: "w0 w1 w2 " } }] });
    expect(data).toMatchObject({ sent: { seed: 7, messages: [{ content: "hi ünï" }] } });
    expect(response.headers.get("x-orch-request-id")).toMatch(/^r-\d+$/);
    expect(response.headers.get("x-orch-worker")).toMatch(/^one-/);
    expect(Number(response.headers.get("x-orch-queue-ms"))).toBeGreaterThanOrEqual(0);
    expect(response.headers.get("server")).toBeNull();
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(response.headers.get("access-control-allow-origin"), "pages of anybody").toBeNull();
  });

  it("gets a stream, piece by piece", async () => {
    const stream = await client.chat.completions.create({
      model: "one",
      messages: [{ role: "user", content: "tokens=4" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = [];
    let usage = 0;
    for await (const { choices, usage: used } of stream) {
      texts.push(choices[0]?.delta.content ?? "");
      usage += used?.completion_tokens ?? 0;
    }
    expect(texts.join("")).toBe("w0 w1 w2 w3 ");
    expect(usage).toBe(4);
  });

  it("gets embeddings, pictures, sound, what was said, and a ranking", async () => {
    const { data } = await client.embeddings.create({ model: "one", input: ["a", "abc"] });
    expect(data.map(({ embedding }) => embedding)).toEqual([
      [1, 1, 0.5],
      [3, 1, 0.5],
    ]);
    const pictures = await client.images.generate({ model: "one", prompt: "a cat", n: 2, size: "256x256" });
    const [picture] = pictures.data ?? [];
    expect(
      Buffer.from(picture?.b64_json ?? "", "base64")
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
    const speech = await client.audio.speech.create({ model: "one", input: "hello", voice: "alloy" });
    expect(await speech.text()).toBe("RIFFhello");
    const file = new File(["sound".repeat(1000)], "hello.wav");
    const said = await client.audio.transcriptions.create({ model: "one", file });
    expect(said.text).toMatch(/bytes, hello\.wav, for one-v1$/);
    const edited = await client.images.edit({ model: "one", prompt: "x", image: new File(["p"], "p.png") });
    expect(edited.data).toHaveLength(1);
    const ranked = await ask(served.url, {
      method: "POST",
      path: "/v1/rerank",
      key: served.key,
      body: { model: "one", query: "a", documents: ["b", "c"] },
    });
    expect(ranked.json["results"]).toHaveLength(2);
  });

  it("waits while another model is served, and is told when it asks", async () => {
    const names = ["one", "two", "one", "two", "one", "two"];
    const answers = await Promise.all(names.map((name) => chat(name, "delay=0.05")));
    expect(answers.map(({ model }) => model)).toEqual(names.map((name) => `${name}-v1`));
    const busy = chat("one", "tokens=3 delay=1");
    await until("one is busy", async () => {
      const { workers } = await served.host.client.call("GET /workers", {});
      return workers.some(({ runtime, state }) => runtime === "one" && state === "busy");
    });
    const { text } = await ask(served.url, {
      method: "POST",
      path: "/v1/chat/completions",
      key: served.key,
      headers: { "x-orch-progress": "1" },
      body: { model: "two", messages: [{ role: "user", content: "hi" }], stream: true },
    });
    expect(text).toMatch(/^: orch \{"ahead":0,"reason":"[^"]+","etaMs":(?:\d+|null)\}\n\n/);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    await busy;
  });

  it("is told what went wrong in the words it knows", async () => {
    const other = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: "orch_wrong", maxRetries: 0 });
    await expect(other.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
    await expect(chat("three", "hi")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
    await expect(chat("one", "fail=422")).rejects.toMatchObject({ status: 422, code: "told" });
    await expect(chat("one", "fail=400", { stream: true })).rejects.toMatchObject({ status: 400 });
    const bad = (body: string) =>
      ask(served.url, { method: "POST", path: "/v1/chat/completions", key: served.key, body });
    for (const body of ['{"model":', "[]", '{"model":"one","model":"two"}', "{}", '{"model":1}'])
      expect(await bad(body), body).toMatchObject({
        status: 400,
        json: { error: { type: "invalid_request_error" } },
      });
  });

  it("is told of a worker that dies in the middle, by an error within the stream", async () => {
    const stream = await client.chat.completions.create({
      model: "one",
      messages: [{ role: "user", content: "tokens=6 delay=0.05 die=mid" }],
      stream: true,
    });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(APIError);
  });

  it("cancels by going: the worker stops, and has room for the next", async () => {
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { model: "one", messages: [{ role: "user", content: "tokens=1000 delay=0.02" }], stream: true },
      { signal: controller.signal },
    );
    for await (const _ of stream) {
      controller.abort();
      break;
    }
    await until("the worker is idle", async () => {
      const { workers } = await served.host.client.call("GET /workers", {});
      return workers.some(({ runtime, state }) => runtime === "one" && state === "ready");
    });
    expect((await chat("one", "hi")).choices).toHaveLength(1);
  });
});
