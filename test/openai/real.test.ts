import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installRealServers, serverFixture } from "../kit/real-servers.ts";
import { type Served, serve } from "./served.ts";

// A client and servers that nobody here wrote.
const found = await installRealServers();
const why = typeof found === "string" ? `: ${found}` : "";

let served: Served;
let client: OpenAI;

function addLlama(name: string, ...more: string[]): void {
  if (typeof found === "string") return;
  const command = [found.python, serverFixture("llama_cpp.py"), found.model, "{port}", "8192", ...more];
  served.host.addRuntime(
    name,
    `name: ${name}
protocol: openai
${more.length === 0 ? "" : "server: { api: embeddings }\n"}command: ${JSON.stringify(command)}
gpu: { count: 1, vram: 8GiB, mode: exclusive }
timeouts: { ready: 60s, stop: 5s }
params:
  prompt: { type: string }
`,
  );
}

describe.skipIf(why !== "")(`llama.cpp by OpenAI's client${why}`, () => {
  beforeAll(async () => {
    served = await serve();
    addLlama("tiny");
    addLlama("vectors", "embedding");
    client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 });
  }, 120_000);
  afterAll(() => served?.[Symbol.asyncDispose]());

  const ask = (more: object = {}) => ({
    model: "tiny",
    messages: [{ role: "user" as const, content: "hi" }],
    max_tokens: 8,
    ...more,
  });

  it("whole, in pieces, and given up in the middle", async () => {
    const whole = await client.chat.completions.create(ask());
    expect(whole).toMatchObject({ choices: [{ finish_reason: "length" }], usage: { completion_tokens: 8 } });
    let pieces = 0;
    for await (const { choices } of await client.chat.completions.create({ ...ask(), stream: true }))
      pieces += choices[0]?.delta.content ? 1 : 0;
    expect(pieces).toBeGreaterThan(0);
    const long = await client.chat.completions.create({ ...ask({ max_tokens: 8_000 }), stream: true });
    for await (const _ of long) break;
    // Its one place is free again at once.
    expect((await client.chat.completions.create(ask())).choices).toHaveLength(1);
  }, 60_000);

  it("makes responses, whole and in pieces", async () => {
    const asked = { model: "tiny", input: "hi", max_output_tokens: 8 };
    const whole = await client.responses.create(asked);
    expect(whole).toMatchObject({ object: "response", usage: { output_tokens: 8 } });
    const types: string[] = [];
    for await (const { type } of await client.responses.create({ ...asked, stream: true })) types.push(type);
    expect(types[0]).toBe("response.created");
    expect(types).toContain("response.output_text.delta");
    expect(types.at(-1)).toBe("response.completed");
    // Of this server, too: which of them made it is not known any more.
    const kept = client.responses.retrieve(whole.id);
    await expect(kept).rejects.toMatchObject({ status: 404, code: "request/unknown-route" });
  }, 60_000);

  it("switches between two models under a stream of requests: each waits and is served", async () => {
    const texts = ["one", "two", "three"];
    const work = texts.flatMap((input) => [
      client.embeddings.create({ model: "vectors", input, encoding_format: "float" }),
      client.chat.completions.create(ask()),
    ]);
    const answers = await Promise.all(work);
    expect(answers.map(({ object }) => object)).toEqual(texts.flatMap(() => ["list", "chat.completion"]));
  }, 60_000);

  it("says in the server's own words what is wrong with a request", async () => {
    const wrong = client.chat.completions.create(ask({ messages: "none" }));
    await expect(wrong).rejects.toMatchObject({
      status: expect.toSatisfy((code) => code >= 400 && code < 501),
    });
  });
});
