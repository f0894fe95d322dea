import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../gateway/door.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { until } from "../kit/until.ts";
import { type Served, serve } from "./served.ts";

const HANDLER = `
from orch_sdk import serve

class Handler:
    def load(self, params):
        pass

    def run(self, params, ctx):
        if params.get("text"):
            ctx.save("said.wav", b"RIFF0000WAVE" + params["text"].encode())
            return {"embeddings": [[1, 2], [3, 4]]}
        for at in range(params["num_images"]):
            ctx.save(f"{at}.png", b"\\x89PNG\\r\\n\\x1a\\n" + f'{params["prompt"]} {params["width"]}x{params["height"]}'.encode())
        return {"seed": params.get("seed")}

serve(Handler())
`;

const LISTENER = `
import os
from orch_sdk import serve

class Handler:
    def load(self, params):
        pass

    def run(self, params, ctx):
        return {"text": f'{os.path.getsize(params["sound"])} bytes in {params["language"]}'}

serve(Handler())
`;

const TALKER = `
from orch_sdk import serve

class Handler:
    def run(self, params, ctx):
        return " ".join(message["role"] for message in params["messages"])

serve(Handler())
`;

const READER = `
from orch_sdk import serve

class Handler:
    def load(self, params):
        self.text = open(params["model"]).read()

    def run(self, params, ctx):
        return self.text

serve(Handler())
`;

let served: Served;
let client: OpenAI;

beforeAll(async () => {
  served = await serve();
  addEchoRuntime(served.host, "parrot");
  served.host.addRuntime(
    "painter",
    `name: painter
gpu: { count: 1, vram: 8GiB }
command: [python3, handler.py]
timeouts: { ready: 30s }
params:
  prompt: { type: string, default: "" }
  text: { type: string, default: "" }
  width: { type: integer, default: 64 }
  height: { type: integer, default: 64 }
  num_images: { type: integer, default: 1, max: 4 }
  seed: { type: integer }
  mask: { type: file }
`,
    { "handler.py": HANDLER },
  );
  served.host.addRuntime(
    "listener",
    `name: listener
gpu: { count: 1, vram: 8GiB }
command: [python3, handler.py]
timeouts: { ready: 30s }
params:
  sound: { type: file, required: true }
  language: { type: string, default: "" }
`,
    { "handler.py": LISTENER },
  );
  served.host.addRuntime(
    "talker",
    `name: talker
gpu: { count: 1, vram: 8GiB }
command: [python3, handler.py]
timeouts: { ready: 30s }
params:
  messages: { type: json, required: true }
  prompt: { type: string, default: "" }
`,
    { "handler.py": TALKER },
  );
  const model = join(served.host.home, "small.txt");
  writeFileSync(model, "the small one");
  served.host.addRuntime(
    "reader",
    `name: reader
gpu: { count: 1, vram: 8GiB }
command: [python3, handler.py]
timeouts: { ready: 30s }
params:
  model: { type: file, load: true, required: true }
  prompt: { type: string, default: "" }
aliases:
  - { name: reader-small, params: { model: ${model} } }
`,
    { "handler.py": READER },
  );
  served.host.addRuntime(
    "broken",
    `name: broken
command: [sh, -c, "echo the weights are gone >&2; exit 3"]
gpu: { count: 1, vram: 8GiB }
params:
  prompt: { type: string }
`,
  );
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 });
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

describe("a runtime that is no server of this API", () => {
  it("answers chats and completions by jobs", async () => {
    const messages = [
      { role: "system" as const, content: "be brief" },
      { role: "user" as const, content: [{ type: "text" as const, text: "hello" }] },
    ];
    const { data, response } = await client.chat.completions
      .create({ model: "parrot", messages })
      .withResponse();
    expect(data).toMatchObject({ model: "parrot", choices: [{ message: { content: "hello" } }] });
    const job = Number(response.headers.get("x-orch-job-id"));
    expect(await served.host.client.call("GET /jobs/:job", { job })).toMatchObject({
      state: "succeeded",
      params: { text: "hello" },
    });
    const pieces = [];
    for await (const { choices } of await client.chat.completions.create({
      model: "parrot",
      messages,
      stream: true,
    }))
      pieces.push(choices[0]?.delta.content);
    expect(pieces).toEqual(["", "hello", undefined]);
    const { choices } = await client.completions.create({ model: "parrot", prompt: "again" });
    expect(choices[0]?.text).toBe("again");
  });

  it("makes pictures, sound and vectors", async () => {
    const { data } = await client.images.generate({
      model: "painter",
      prompt: "a cat",
      n: 2,
      size: "512x256",
    });
    const texts = (data ?? []).map(({ b64_json }) =>
      Buffer.from(b64_json ?? "", "base64").toString("latin1"),
    );
    expect(texts).toEqual([expect.stringMatching(/a cat 512x256$/), expect.stringContaining("a cat")]);
    const speech = await client.audio.speech.create({ model: "painter", input: "hello", voice: "alloy" });
    expect(speech.headers.get("content-type")).toContain("audio/");
    expect(await speech.text()).toBe("RIFF0000WAVEhello");
    const vectors = await client.embeddings.create({
      model: "painter",
      input: "x",
      encoding_format: "float",
    });
    expect(vectors.data.map(({ embedding }) => embedding)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const ollama = new Ollama({ host: served.url, headers: { authorization: `Bearer ${served.key}` } });
    expect(await ollama.embed({ model: "painter", input: "x" })).toMatchObject({
      model: "painter",
      embeddings: [
        [1, 2],
        [3, 4],
      ],
    });
  });

  it("is given the whole conversation where it has a param for that", async () => {
    const messages = [
      { role: "user" as const, content: "one" },
      { role: "assistant" as const, content: "two" },
      { role: "user" as const, content: "three" },
    ];
    const { choices } = await client.chat.completions.create({ model: "talker", messages });
    expect(choices[0]?.message.content).toBe("user assistant user");
  });

  it("loads the file that an alias stands for, and no other", async () => {
    const messages = [{ role: "user" as const, content: "x" }];
    const { choices } = await client.chat.completions.create({ model: "reader-small", messages });
    expect(choices[0]?.message.content).toBe("the small one");
    const other = await ask(served.url, {
      ...{ method: "POST", path: "/api/v1/jobs", key: served.key },
      body: { runtime: "reader", params: { prompt: "x", model: "/etc/hostname" } },
    });
    expect(other.text).toContain("cannot be named from elsewhere");
  });

  it("says why its worker does not start, and is not tried again", async () => {
    const failed = client.chat.completions.create({
      model: "broken",
      messages: [{ role: "user", content: "x" }],
    });
    await expect(failed).rejects.toMatchObject({
      status: 503,
      code: "runtime/start-failed",
      message: expect.stringContaining("the weights are gone"),
    });
  });

  it("is sent files, as they come", async () => {
    const file = new File(["x".repeat(300_000)], "said.wav");
    const { text } = await client.audio.transcriptions.create({ model: "listener", file, language: "de" });
    expect(text).toBe("300000 bytes in de");
    const plain = await client.audio.transcriptions.create({
      model: "listener",
      file,
      response_format: "text",
    });
    expect(plain).toBe("300000 bytes in \n");
    const none = client.audio.transcriptions.create({ model: "parrot", file });
    await expect(none).rejects.toMatchObject({ status: 400, code: "runtime/invalid" });
  });

  it("says what it cannot do, takes no files by name, and is cancelled when its caller goes", async () => {
    const missing = client.images.generate({ model: "parrot", prompt: "a cat", size: "big" });
    await expect(missing).rejects.toMatchObject({ status: 400, code: "param/invalid" });
    const none = await ask(served.url, {
      method: "POST",
      path: "/v1/rerank",
      key: served.key,
      body: { model: "painter", query: "x", documents: [] },
    });
    expect(none).toMatchObject({ status: 400, json: { error: { code: "runtime/invalid" } } });
    const masked = await client.images
      .generate({ model: "painter", prompt: "x", ...{ mask: "/etc/passwd" } })
      .withResponse();
    const job = Number(masked.response.headers.get("x-orch-job-id"));
    const { params } = await served.host.client.call("GET /jobs/:job", { job });
    expect(params).not.toHaveProperty("mask");
    const controller = new AbortController();
    const slow = client.chat.completions.create(
      { model: "parrot", messages: [{ role: "user", content: "x" }], ...{ seconds: 30 } },
      { signal: controller.signal },
    );
    slow.catch(() => undefined);
    const running = await served.host.until(await newestJob((id) => id > job), "running");
    controller.abort();
    await served.host.until(running.id, "cancelled");
  });
});

async function newestJob(isIt: (id: number) => boolean): Promise<number> {
  const found = await until("the job is there", async () => {
    const { jobs } = await served.host.client.call("GET /jobs", {});
    return jobs.find(({ id }) => isIt(id));
  });
  return found.id;
}
