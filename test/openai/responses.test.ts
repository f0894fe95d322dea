import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serverFixture } from "../kit/real-servers.ts";
import { installPythonClients, runClient } from "./python-clients.ts";
import { addSmall, type Served, serve } from "./served.ts";
import { addWriter, newGate } from "./writer-runtime.ts";

const found = await installPythonClients();
const why = typeof found === "string" ? `: ${found}` : "";
const python = typeof found === "string" ? "" : found.python;

let served: Served;
let client: OpenAI;

beforeAll(async () => {
  served = await serve();
  addSmall(served.host, "lacks");
  addWriter(served.host, "writes");
  const command = ["python3", serverFixture("small_responses.py"), "speaks-v1", "{port}"];
  served.host.addRuntime(
    "speaks",
    `name: speaks
protocol: openai
command: ${JSON.stringify(command)}
gpu: { count: 1, vram: 8GiB }
timeouts: { ready: 30s, stop: 2s }
params:
  prompt: { type: string }
`,
  );
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key, maxRetries: 0 });
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

describe("responses", () => {
  it("of a server that has them are passed on, whole and as they come", async () => {
    const whole = await client.responses.create({ model: "speaks", input: "good day" });
    expect(whole).toMatchObject({ id: "resp_1", model: "speaks-v1", output_text: "good day" });
    const gate = newGate(served.host);
    const input = `one wait=${gate.path}`;
    const types: string[] = [];
    for await (const event of await client.responses.create({ model: "speaks", input, stream: true })) {
      types.push(event.type);
      if (event.type === "response.output_text.delta" && event.delta === "one") gate.open();
    }
    const delta = "response.output_text.delta";
    expect(types).toEqual(["response.created", delta, delta, "response.completed"]);
    const earlier = client.responses.create({
      ...{ model: "speaks", input },
      previous_response_id: "resp_0",
    });
    await expect(earlier).rejects.toMatchObject({
      status: 404,
      message: expect.stringMatching(/there is no response resp_0/),
    });
  });

  it("of a server without them are refused in so many words, also by a stream", async () => {
    const error = {
      status: 404,
      type: "invalid_request_error",
      code: "request/unknown-route",
      message: expect.stringMatching(
        /the server of lacks does not serve \/v1\/responses .*chat\/completions/,
      ),
    };
    const asked = { model: "lacks", input: "hi" };
    await expect(client.responses.create(asked)).rejects.toMatchObject(error);
    await expect(client.responses.create({ ...asked, stream: true })).rejects.toMatchObject(error);
  });

  it("are made by a job, text as it is written", async () => {
    const gate = newGate(served.host);
    const stream = client.responses.stream({
      ...{ model: "writes", instructions: "be brief", max_output_tokens: 5, temperature: 1 },
      input: [
        { role: "developer", content: [{ type: "input_text", text: "in verse" }] },
        { role: "user", content: `wait=${gate.path}` },
      ],
    });
    stream.on("response.output_text.delta", ({ delta }) => {
      if (delta === "one ") gate.open();
    });
    const { id, status, incomplete_details: details, usage } = await stream.finalResponse();
    expect({ status, details, usage }).toMatchObject({
      status: "incomplete",
      details: { reason: "max_output_tokens" },
      usage: { input_tokens: 4, output_tokens: 3, total_tokens: 7 },
    });
    const job = Number(/^resp_job_(\d+)$/.exec(id)?.[1]);
    expect(await served.host.client.call("GET /jobs/:job", { job })).toMatchObject({
      params: { system: "be brief\nin verse", max_new_tokens: 5 },
    });
    const whole = await client.responses.create({ model: "writes", input: "hi" });
    expect(whole.output_text).toBe("one two\nthree");
  });

  it.each([
    [{ previous_response_id: "resp_0" }, /previous_response_id: responses are not kept here/],
    [{ background: true }, /background: responses are not kept here/],
    [{ input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] }, /input.*texts/],
    [{ input: undefined }, /the request has no input/],
    [{ max_output_tokens: 0 }, /max_output_tokens/],
  ])("cannot be made by a job of %j", async (more, message) => {
    const body = {
      model: "writes",
      input: "hi",
      ...more,
    } as OpenAI.Responses.ResponseCreateParamsNonStreaming;
    await expect(client.responses.create(body)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    });
  });

  it("are not kept", async () => {
    const message = expect.stringMatching(/there is no such response: responses are not kept here/);
    const { responses } = client;
    const asked = [
      () => responses.retrieve("resp_1"),
      () => responses.cancel("resp_1"),
      () => responses.delete("resp_1"),
      () => responses.inputItems.list("resp_1"),
    ];
    for (const ask of asked) await expect(ask()).rejects.toMatchObject({ status: 404, message });
  });

  it.skipIf(why !== "")(
    `for OpenAI's client for Python${why}`,
    async () => {
      const models = ["speaks", "lacks", "writes"];
      const said = await runClient(python, "responses_client.py", served.url, served.key, ...models);
      const refusal = [404, "NotFoundError", "request/unknown-route"];
      const gone = [...refusal, expect.stringMatching(/not kept here/)];
      expect(said).toEqual({
        speaks: {
          ...{ text: "good day", id: "resp_1", model: "speaks-v1" },
          ...{ deltas: ["good", "day"], last: "response.completed" },
        },
        writes: {
          ...{ text: "one two\nthree", id: expect.stringMatching(/^resp_job_\d+$/), model: "writes" },
          ...{ deltas: expect.arrayContaining(["three"]), last: "response.incomplete" },
        },
        helper: "one two\nthree",
        errors: [
          [...refusal, expect.stringMatching(/the server of lacks does not serve/)],
          [...refusal, expect.stringMatching(/the server of lacks does not serve/)],
          [404, "NotFoundError", null, "there is no response resp_0"],
          [400, "BadRequestError", "param/invalid", expect.stringMatching(/not kept here/)],
          ...[gone, gone, gone, gone],
        ],
      });
    },
    60_000,
  );
});
