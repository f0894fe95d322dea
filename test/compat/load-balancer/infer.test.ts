import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import {
  type AskBalancer,
  askBalancer,
  infer,
  sentIn,
  writeBalancer,
  writeHandler,
  writeServer,
} from "./lb-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskBalancer;
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const WAV = Buffer.from("RIFF\x24\0\0\0WAVEfmt ", "latin1").toString("base64");
beforeAll(async () => {
  home = createHome();
  for (const name of ["gemma3", "qwen3", "speech", "qwen3_embedding"]) writeServer(home, name);
  writeHandler(
    home,
    "seer",
    "  prompt: { type: string }\n  images: { type: json }\n  max_new_tokens: { type: integer }\n",
    `        if params["prompt"] == "refuse": raise ValueError("context length exceeded: 9 tokens")
        if params["prompt"] == "break": raise RuntimeError("a bug")
        return {"response": params["prompt"], "seen": len(params["images"]), "tokens": params["max_new_tokens"]}`,
  );
  writeBalancer(
    home,
    `      open: true
      models:
        whissent: { runtime: speech }
        qwen: { runtime: seer }
        lost: { runtime: nowhere }
`,
  );
  await home.daemon();
  asked = await askBalancer(home);
});
afterAll(() => home[Symbol.asyncDispose]());

describe("an answer", () => {
  it("has the model's own fields and those of the balancer, on one line", async () => {
    const answer = await infer(
      asked,
      "gemma3",
      { input: "hello", unknown: 1 },
      { "x-request-id": "my-id-1" },
    );
    expect(answer).toMatchObject({ status: 200, json: { model_name_processed: "gemma3" } });
    expect(answer.headers["x-request-id"]).toBe("my-id-1");
    expect(answer.text).not.toContain("\n");
    const { workers } = await home.client.call("GET /workers", {});
    expect(answer.json).toEqual({
      response: expect.any(String),
      model_name_processed: "gemma3",
      duration_seconds: expect.any(Number),
      api_worker_pid: workers.find(({ runtime }) => runtime === "gemma3")?.pid,
      gpu_id_of_model_worker: 0,
      load_balancer_worker_id: 0,
      lb_latency_ms: expect.any(Number),
      lb_queue_at_dispatch: 0,
    });
    expect(answer.text).toMatch(/"lb_latency_ms":\d+(\.\d)?,/);
    expect(answer.text).toMatch(/"duration_seconds":\d+(\.\d\d?)?,/);
  });

  it("has a made-up id of 32 hex digits where the caller gave none", async () => {
    const { headers } = await infer(asked, "gemma3", { input: "hello" });
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
    const other = await infer(asked, "gemma3", { input: "hello" }, { "x-correlation-id": "of-the-caller" });
    expect(other.headers["x-request-id"]).toBe("of-the-caller");
  });
});

describe("refusals", () => {
  const post = (body: unknown) => asked("/infer", { method: "POST", body, headers: { "x-request-id": "r" } });

  it.each([
    [{ request_body: {} }, 400, "`model_name` is required."],
    [{ model_name: "", request_body: {} }, 400, "`model_name` is required."],
    [{ model_name: "gemma3" }, 400, "model_name and request_body are required."],
    ["no json", 400, "The request body must be a JSON object."],
    ["[1]", 400, "The request body must be a JSON object."],
    [{ model_name: "gemma3", request_body: {} }, 400, "'input' is required for gemma3"],
    [{ model_name: "whissent", request_body: {} }, 400, "'audio' is required for whissent"],
    [
      { model_name: "qwen3_embedding", request_body: {} },
      400,
      "'text' or 'texts' is required for qwen3_embedding",
    ],
    [{ model_name: "qwen", request_body: { input: "x" } }, 400, "'images' is required for qwen"],
    [{ model_name: "nobody", request_body: {} }, 503, "No workers available for model 'nobody'."],
    [{ model_name: "lost", request_body: {} }, 503, "No workers available for model 'lost'."],
  ])("%j is answered with %i %s", async (body, status, detail) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status, json: { detail }, text: JSON.stringify({ detail }) });
    expect(answer.headers["x-request-id"]).toBe("r");
  });

  it("of too many images", async () => {
    const { status, json } = await infer(asked, "qwen", { input: "x", images: Array(9).fill({ data: PNG }) });
    expect(status).toBe(400);
    expect(json).toEqual({ detail: { error: "too_many_images", message: expect.any(String) } });
  });

  it("name the image that cannot be read", async () => {
    const bad = { data: Buffer.from("no picture").toString("base64") };
    const { status, json } = await infer(asked, "gemma3", { input: "x", images: [{ data: PNG }, bad] });
    expect(status).toBe(400);
    expect(json["detail"]).toBe("images[1] cannot be read: it is no picture of a known kind");
  });

  it("of the worker reach the caller as it says them", async () => {
    expect(await infer(asked, "gemma3", { input: "too long" })).toMatchObject({
      status: 400,
      json: { detail: { error: "context_length_exceeded", message: expect.stringContaining("8 tokens") } },
    });
    expect(await infer(asked, "gemma3", { input: "status=422" })).toMatchObject({
      ...{ status: 422, json: { detail: "told so" } },
    });
    expect(await infer(asked, "gemma3", { input: "status=500" })).toMatchObject({
      ...{ status: 502, json: { detail: "Bad Gateway: Error communicating with worker 0." } },
    });
    expect(await infer(asked, "qwen", { input: "refuse", images: [PNG_URI] })).toMatchObject({
      ...{ status: 400, json: { detail: { error: "context_length_exceeded" } } },
    });
    const broken = await infer(asked, "qwen", { input: "break", images: [PNG_URI] });
    expect(broken.status).toBe(502);
    expect(broken.json["detail"]).toMatch(/^Bad Gateway: Error communicating with worker \d\.$/);
  });

  it("of other methods", async () => {
    expect(await asked("/infer")).toMatchObject({ status: 405, json: { detail: "Method Not Allowed" } });
  });
});

const PNG_URI = `data:image/png;base64,${PNG}`;

describe("what models get", () => {
  it("gemma3: fixed sampling, and no limit that is longer than its context", async () => {
    const sent = sentIn(await infer(asked, "gemma3", { input: "hi", temperature: 2 }));
    expect(sent).toMatchObject({ temperature: 0.7, top_p: 0.9, repetition_penalty: 1.15, stream: false });
    expect(sent).not.toHaveProperty("max_tokens");
    expect(sent.messages).toEqual([{ role: "user", content: "hi" }]);
  });

  it.each([
    [17, 17],
    ["18", 18],
    [0, undefined],
    [true, undefined],
    ["many", undefined],
    [1.5, undefined],
  ])("max_new_tokens %j as %j, silently", async (given, tokens) => {
    const sent = sentIn(await infer(asked, "gemma3", { input: "hi", max_new_tokens: given }));
    expect(sent["max_tokens"]).toBe(tokens);
  });

  it("qwen3: its own sampling, and the GPU is called auto", async () => {
    const answer = await infer(asked, "qwen3", { input: "hi" });
    expect(sentIn(answer)).toMatchObject({ top_k: 50, repetition_penalty: 1.1, temperature: 0.7 });
    expect(answer.json["gpu_id_of_model_worker"]).toBe("auto");
    expect(answer.json["load_balancer_worker_id"], "ids count up through the pools").toBe(2);
  });

  it("gemma3: the last 20 messages of a session, none of another one, none with pictures", async () => {
    const say = (input: string, session_id?: string) => infer(asked, "gemma3", { input, session_id });
    for (let number = 1; number <= 12; number += 1) await say(`m${number}`, "s1");
    const { messages } = sentIn(await say("last", "s1"));
    expect(messages).toHaveLength(21);
    expect(messages[0]?.content, "the oldest are forgotten").toBe("m3");
    expect(messages.at(-1)?.content).toBe("last");
    expect(sentIn(await say("other", "s2")).messages).toHaveLength(1);
    expect(sentIn(await say("none")).messages).toHaveLength(1);
    const picture = await infer(asked, "gemma3", { input: "see", session_id: "s1", images: [{ data: PNG }] });
    expect(sentIn(picture).messages).toEqual([
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: PNG_URI } },
          { type: "text", text: "see" },
        ],
      },
    ]);
  });

  it("a handler: the params it declares, and its output is the answer", async () => {
    const images = [PNG_URI, { data: PNG, format: "png" }];
    const answer = await infer(asked, "qwen", { input: "what is it?", images });
    expect(answer).toMatchObject({
      status: 200,
      json: { response: "what is it?", seen: 2, tokens: 2048, model_name_processed: "qwen" },
    });
    expect(answer.json["load_balancer_worker_id"]).toBe(1);
  });

  it("whissent: the sound as an upload; text, chunks and metrics come back", async () => {
    const audio = { data: WAV, format: "wav" };
    const { status, json } = await infer(asked, "whissent", { audio, task: "translate", language: "fr" });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      ...{ transcript: "bonjour", response: "bonjour", emotion: null, emotion_scores: [] },
      ...{ metrics: { asr_seconds: expect.any(Number), emotion_seconds: 0 } },
    });
    const [chunk] = json["chunks"] as { text: string; timestamp: number[] }[];
    expect(chunk?.timestamp).toEqual([0, 1.5]);
    expect(JSON.parse(chunk?.text ?? "")).toEqual([
      "/v1/audio/translations",
      expect.objectContaining({ language: "fr", response_format: "verbose_json" }),
    ]);
    const plain = await infer(asked, "whissent", { audio, return_timestamps: false });
    const [sent] = plain.json["chunks"] as { text: string }[];
    expect(JSON.parse(sent?.text ?? "")).toEqual([
      "/v1/audio/transcriptions",
      expect.objectContaining({ response_format: "json" }),
    ]);
    const wrong = await infer(asked, "whissent", { audio: { ...audio, format: "exe" } });
    expect(wrong.json["detail"]).toContain("wav, mp3, flac, m4a, ogg");
  });

  it("qwen3_embedding: vectors of length 1 after truncation, one or many", async () => {
    const one = await infer(asked, "qwen3_embedding", { text: "a", embedding_dim: 2 });
    expect(one.json).toMatchObject({ embedding: [0.6, 0.8], embedding_dim: 2, metrics: expect.any(Object) });
    expect(one.json["gpu_id_of_model_worker"]).toBe("auto");
    const many = await infer(asked, "qwen3_embedding", {
      text: "lost",
      texts: ["a", "bb"],
      instruction: "find",
    });
    expect(many.json).toMatchObject({ count: 2, embedding_dim: 3 });
    const [first = []] = many.json["embeddings"] as number[][];
    expect(first.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 9);
    expect(first[2], "the instruction goes with the text").toBeGreaterThan(0.9);
  });
});
