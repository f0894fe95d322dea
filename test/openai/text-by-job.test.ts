import { Ollama } from "ollama";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { installPythonClients, runClient } from "./python-clients.ts";
import { type Served, serve } from "./served.ts";
import { addWriter, newGate } from "./writer-runtime.ts";

const found = await installPythonClients();
const why = typeof found === "string" ? `: ${found}` : "";
const python = typeof found === "string" ? "" : found.python;

let served: Served;
let client: OpenAI;

beforeAll(async () => {
  served = await serve();
  addWriter(served.host, "writer");
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 });
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

const user = (content: string) => [{ role: "user" as const, content }];
const jobs = async () => (await served.host.client.call("GET /jobs", {})).jobs;

describe("a text that a handler writes piece by piece", () => {
  it("comes as it is written, with its role first and what was used last", async () => {
    const gate = newGate(served.host);
    const { data, response } = await client.chat.completions
      .create({
        model: "writer",
        messages: user(`wait=${gate.path}`),
        max_completion_tokens: 7,
        stream: true,
        stream_options: { include_usage: true },
      })
      .withResponse();
    const chunks = [];
    for await (const chunk of data) {
      chunks.push(chunk);
      if (chunk.choices[0]?.delta.content !== "one ") continue;
      expect((await jobs())[0]?.state, "its job goes on").toBe("running");
      gate.open();
    }
    expect(chunks.map(({ choices }) => choices[0]?.delta ?? null)).toEqual([
      { role: "assistant", content: "" },
      { content: "one " },
      { content: "two\n" },
      { content: "three" },
      {},
      null,
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason ?? null)).toEqual([
      ...[null, null, null, null],
      "length",
      null,
    ]);
    const usage = { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 };
    expect(chunks.map((chunk) => chunk.usage)).toEqual([null, null, null, null, null, usage]);
    const job = Number(response.headers.get("x-orch-job-id"));
    expect(await served.host.client.call("GET /jobs/:job", { job })).toMatchObject({
      state: "succeeded",
      output: { params: { max_new_tokens: 7 } },
    });
  });

  it("is whole where no stream is asked for, is the output where the handler returns none, and is cut at no param's limit", async () => {
    const whole = await client.chat.completions.create({
      model: "writer",
      messages: user("hi"),
      max_tokens: 1_000,
    });
    expect(whole).toMatchObject({
      choices: [{ message: { content: "one two\nthree" }, finish_reason: "length" }],
      usage: { total_tokens: 7 },
    });
    const pieces = [];
    for await (const { choices } of await client.completions.create({
      ...{ model: "writer", prompt: "plain=1", stream: true },
    }))
      pieces.push(choices[0]?.text);
    expect(pieces.join("")).toBe("one two\n");
    const [job] = await jobs();
    expect(await served.host.client.call("GET /jobs/:job", { job: job?.id ?? 0 })).toMatchObject({
      output: "one two\n",
    });
  });

  it("ends its job when its reader goes", async () => {
    const gate = newGate(served.host);
    const stream = await client.chat.completions.create({
      ...{ model: "writer", messages: user(`wait=${gate.path}`), stream: true },
    });
    for await (const { choices } of stream) if (choices[0]?.delta.content === "one ") break;
    const [job] = await jobs();
    await served.host.until(job?.id ?? 0, "cancelled");
    const ollama = ollamaClient();
    const parts = await ollama.generate({ model: "writer", prompt: `wait=${gate.path}`, stream: true });
    await expect(
      (async () => {
        for await (const { response } of parts) if (response === "one ") ollama.abort();
      })(),
    ).rejects.toThrow("aborted");
    const [next] = await jobs();
    expect(next?.id).not.toBe(job?.id);
    await served.host.until(next?.id ?? 0, "cancelled");
  });

  it("breaks off with an error of its client's kind", async () => {
    const read = async (wishes: string): Promise<void> => {
      const gate = newGate(served.host);
      const content = `wait=${gate.path} ${wishes}`;
      for await (const { choices } of await client.chat.completions.create({
        ...{ model: "writer", messages: user(content), stream: true },
      }))
        if (choices[0]?.delta.content === "one ") gate.open();
    };
    const failed = read("fail=1");
    await expect(failed).rejects.toThrow(/job \d+ failed.*ValueError: told to fail/);
    await expect(failed).rejects.toBeInstanceOf(OpenAI.APIError);
    const once = newGate(served.host);
    once.open();
    // Its worker dies behind the first piece: the text cannot be begun anew for whoever has read that.
    const broken = read(`break=${once.path}`);
    await expect(broken).rejects.toThrow(/broke off its answer.*begin anew/);
    const [job] = await jobs();
    await until("it is over", async () => (await jobs()).find(({ id }) => id === job?.id)?.finishedAt);
  }, 30_000);

  it("is begun anew when its worker dies before the first piece", async () => {
    const gate = newGate(served.host);
    gate.open();
    const stream = await client.chat.completions.create({
      ...{ model: "writer", messages: user(`die=${gate.path}`), stream: true },
    });
    let text = "";
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
    expect(text).toBe("one two\nthree");
  }, 30_000);

  it("is waited for with its beginning, where it stands, and pings", async () => {
    const gate = newGate(served.host);
    const first = client.chat.completions.create({ model: "writer", messages: user(`wait=${gate.path}`) });
    await until("it runs", async () => (await jobs())[0]?.state === "running");
    const body = { model: "writer", max_tokens: 9, messages: user("hi"), stream: true };
    const chat = await readRaw("/v1/chat/completions", body);
    const message = await readRaw("/v1/messages", body);
    const [role = "", standing = ""] = (await chat("etaMs")).split("\n\n");
    expect(JSON.parse(role.slice("data: ".length))).toMatchObject({
      choices: [{ delta: { role: "assistant" } }],
    });
    expect(JSON.parse(standing.slice(": orch ".length))).toMatchObject({
      ahead: 0,
      reason: expect.stringContaining("no free slot"),
    });
    const begun = await message("event: ping");
    expect(begun).toMatch(/^event: message_start\ndata: .*\n\nevent: ping\n/);
    gate.open();
    await first;
    expect(await chat("[DONE]")).toContain('"content":"three"');
    expect(await message("message_stop")).toContain('"text":"three"');
  });
});

/** Sends a request whose answer is read as far as it has a text. */
async function readRaw(path: string, body: object): Promise<(what: string) => Promise<string>> {
  const headers = { authorization: `Bearer ${served.key}`, "content-type": "application/json" };
  const asked = { method: "POST", headers: { ...headers, "x-orch-progress": "1" } };
  const response = await fetch(served.url + path, { ...asked, body: JSON.stringify(body) });
  const reader = response.body?.getReader();
  let text = "";
  return async (what) => {
    while (!text.includes(what)) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) throw new Error(`the answer ends without ${what}: ${text}`);
      text += Buffer.from(value ?? "").toString();
    }
    return text;
  };
}

const ollamaClient = (): Ollama =>
  new Ollama({ host: served.url, headers: { authorization: `Bearer ${served.key}` } });

describe("the same for clients of Ollama and Anthropic", () => {
  it("Ollama's for Node", async () => {
    const gate = newGate(served.host);
    const parts = [];
    for await (const part of await ollamaClient().chat({
      model: "writer:latest",
      messages: [{ role: "system", content: "be brief" }, ...user(`wait=${gate.path}`)],
      stream: true,
    })) {
      parts.push(part);
      if (part.message.content === "one ") gate.open();
    }
    expect(parts.map(({ message }) => message.content)).toEqual(["one ", "two\n", "three", ""]);
    expect(parts.at(-1)).toMatchObject({ done: true, done_reason: "length", eval_count: 3 });
    const [job] = await jobs();
    expect(await served.host.client.call("GET /jobs/:job", { job: job?.id ?? 0 })).toMatchObject({
      params: { system: "be brief", prompt: `wait=${gate.path}` },
    });
    const whole = await ollamaClient().generate({
      model: "writer",
      prompt: "hi",
      options: { num_predict: 5 },
    });
    expect(whole).toMatchObject({ response: "one two\nthree", prompt_eval_count: 4 });
    const loaded = await ollamaClient().generate({ model: "writer", prompt: "", keep_alive: -1 });
    expect(loaded).toMatchObject({ done_reason: "load" });
  });

  it.skipIf(why !== "")(
    `those for Python, each in its own way${why}`,
    async () => {
      const gate = newGate(served.host);
      const key = await served.makeKey("python", "--scope", "submit,read");
      const said = await runClient(python, "text_by_job.py", served.url, key, "writer", gate.path);
      const usage = [4, 3];
      expect(said).toEqual({
        openai: { pieces: ["", "one ", "two\n", "three", null], states: ["running"], usage },
        openai_error: ["APIError", expect.stringMatching(/told to fail/)],
        anthropic: {
          events: [
            ...["message_start", "content_block_start", "content_block_delta", "content_block_delta"],
            ...["content_block_delta", "content_block_stop", "message_delta", "message_stop"],
          ],
          ...{ text: "one two\nthree", states: ["running"], stop: "max_tokens", usage },
        },
        anthropic_whole: ["one two\nthree", "max_tokens", ...usage],
        anthropic_error: ["APIStatusError", expect.stringMatching(/told to fail/)],
        anthropic_refused: ["InternalServerError", 502, expect.stringMatching(/told to fail/)],
        ollama: { pieces: ["one ", "two\n", "three", ""], states: ["running"], reason: "length", usage },
        ollama_error: expect.stringMatching(/told to fail/),
        response: ["one two\nthree", "incomplete", ...usage],
        response_events: [
          ...["response.created", "response.in_progress", "response.output_item.added"],
          ...["response.content_part.added", "response.output_text.delta", "response.output_text.delta"],
          ...["response.output_text.delta", "response.output_text.done", "response.content_part.done"],
          ...["response.output_item.done", "response.incomplete"],
        ],
      });
    },
    60_000,
  );

  it("says of what it cannot do that it cannot", async () => {
    const counted = await ask(served.url, {
      ...{ method: "POST", path: "/v1/messages/count_tokens", key: served.key },
      body: { model: "writer", messages: user("hi"), max_tokens: 1 },
    });
    expect(counted).toMatchObject({ status: 404, json: { error: { type: "not_found_error" } } });
    const empty = await ask(served.url, {
      ...{ method: "POST", path: "/api/chat", key: served.key },
      body: { model: "writer", messages: [{ role: "system", content: "x" }] },
    });
    expect(empty).toMatchObject({ status: 400, json: { error: expect.stringContaining("no message") } });
  });
});
