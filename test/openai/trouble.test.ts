import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, ask } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { addSmall, type Served, serve } from "./served.ts";

let served: Served;
let client: OpenAI;
/** In a prompt, and nowhere else. */
const SECRET = "sesame-4711-open";

beforeAll(async () => {
  served = await serve({ gateway: "  maxWaiting: 2000\n  maxBody: 2MiB\n  maxUpload: 300MiB\n" });
  addSmall(served.host, "one");
  addSmall(served.host, "two");
  addSmall(served.host, "wide", "slots: 32\n");
  served.host.addRuntime(
    "broken",
    `name: broken
protocol: openai
command: [sh, -c, "echo the weights are gone >&2; exit 3"]
gpu: { count: 1, vram: 8GiB }
params:
  prompt: { type: string }
`,
  );
  client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: served.key });
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

const chat = (model: string, content: string, more: object = {}): Promise<Answer> =>
  ask(served.url, {
    method: "POST",
    path: "/v1/chat/completions",
    key: served.key,
    body: { model, messages: [{ role: "user", content }], ...more },
  });

const untilBusy = (runtime: string): Promise<unknown> =>
  until(`${runtime} is busy`, async () => {
    const { workers } = await served.host.client.call("GET /workers", {});
    return workers.some((worker) => worker.runtime === runtime && worker.state === "busy");
  });

describe("requests that do not go well", () => {
  it("whose worker dies before it answered are answered by the next worker", async () => {
    const first = await chat("one", "hi");
    const marker = join(served.host.home, "died");
    const { status, headers, json } = await chat("one", `once=${marker} tokens=2`);
    expect(status).toBe(200);
    expect(json["choices"]).toMatchObject([{ message: { content: "w0 w1 " } }]);
    expect(headers["x-orch-worker"]).not.toBe(first.headers["x-orch-worker"]);
  });

  it("whose model cannot be loaded say so with its last lines, and are not tried again", async () => {
    const failed = client.chat.completions.create({
      model: "broken",
      messages: [{ role: "user", content: "hi" }],
    });
    await expect(failed).rejects.toMatchObject({
      status: 503,
      code: "runtime/start-failed",
      message: expect.stringContaining("the weights are gone"),
    });
  });

  it("are pinged while they wait, and leave no trace when they are given up", async () => {
    const { headers } = await chat("one", "hi");
    const busy = chat("one", "tokens=3 delay=1");
    await untilBusy("one");
    const controller = new AbortController();
    const response = await fetch(`${served.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${served.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "two", messages: [], stream: true }),
      signal: controller.signal,
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("x-orch-request-id")).toMatch(/^r-/);
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? "").toString()).toBe(": ping\n\n");
    controller.abort();
    await busy;
    const after = await chat("one", "hi");
    expect(after.headers["x-orch-worker"], "nobody wanted two any more").toBe(headers["x-orch-worker"]);
  });

  it("are too large, and said to be", async () => {
    const large = await chat("one", "x".repeat(3 * 2 ** 20));
    expect(large).toMatchObject({ status: 413, json: { error: { code: "request/too-large" } } });
  });

  it("leave nothing of their bodies and keys in any log", async () => {
    await chat("one", SECRET);
    await chat("one", `${SECRET} fail=500`);
    await chat("none", SECRET);
    await until("the daemon has logged it", () => served.host.log().includes("/v1/chat/completions"));
    for (const text of [SECRET, served.key]) {
      const found = promisify(execFile)("grep", ["-rl", "--", text, served.host.home]);
      await expect(found).rejects.toMatchObject({ code: 1, stdout: "" });
    }
  });
});

describe("many and much", () => {
  it("a thousand at once: each waits and is served", async () => {
    await chat("wide", "hi");
    const agents = [1, 2, 3, 4, 5].map(
      (last) => new Agent({ keepAlive: true, localAddress: `127.0.0.${last}` }),
    );
    const body = JSON.stringify({ model: "wide", messages: [{ role: "user", content: "tokens=1" }] });
    const one = (_: unknown, at: number): Promise<number> =>
      new Promise((resolve, reject) => {
        const agent = agents[at % agents.length];
        const asked = request(`${served.url}/v1/chat/completions`, {
          ...(agent && { agent }),
          method: "POST",
          headers: { authorization: `Bearer ${served.key}`, "content-type": "application/json" },
        });
        asked.once("error", reject).once("response", (response) => {
          response.resume().once("end", () => resolve(response.statusCode ?? 0));
        });
        asked.end(body);
      });
    const statuses = await Promise.all(Array.from({ length: 1_000 }, one));
    for (const agent of agents) agent.destroy();
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  }, 60_000);

  it("a stream that nobody reads is not read on, and ends with its caller", async () => {
    await chat("wide", "hi");
    const before = peakBytes();
    const controller = new AbortController();
    const response = await fetch(`${served.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${served.key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "wide",
        messages: [{ role: "user", content: "tokens=4000 bytes=50000" }],
        stream: true,
      }),
      signal: controller.signal,
    });
    expect(response.status).toBe(200);
    let last = 0;
    await until("no more comes", async () => {
      const now = peakBytes();
      const isStill = now === last;
      last = now;
      await sleep(200);
      return isStill;
    });
    expect(last - before).toBeLessThan(60e6);
    controller.abort();
    await until("its place is free", async () => {
      const { workers } = await served.host.client.call("GET /workers", {});
      return workers.some(({ runtime, state }) => runtime === "wide" && state === "ready");
    });
  }, 30_000);

  it("an upload of 200 MB with its model last goes through little memory", async () => {
    await chat("one", "hi");
    const before = peakBytes();
    const { json } = await upload("one", 200, "last");
    const said = String(json["text"]);
    expect(said).toMatch(/^\d+ bytes, long\.wav, for one-v1$/);
    expect(Number.parseInt(said, 10)).toBeGreaterThan(200e6);
    expect(peakBytes() - before).toBeLessThan(100e6);
  }, 60_000);

  it("an upload whose model comes first is taken while it waits for its worker", async () => {
    const { json } = await upload("two", 30, "first");
    expect(json["text"]).toMatch(/^\d+ bytes, long\.wav, for two-v1$/);
  });

  it("an upload for no model is told so, though it has not come to its end", async () => {
    const { status, json } = await upload("none", 30, "first");
    expect({ status, json }).toMatchObject({ status: 404, json: { error: { code: "model_not_found" } } });
  });
});

/** The most that the daemon ever had. */
function peakBytes(): number {
  const text = readFileSync(`/proc/${served.host.pid()}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}

/** Sends a form with a file of so many MB. */
async function upload(model: string, megabytes: number, place: "first" | "last"): Promise<Answer> {
  const field = `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`;
  const file = `--b\r\nContent-Disposition: form-data; name="file"; filename="long.wav"\r\nContent-Type: audio/wav\r\n\r\n`;
  const piece = Buffer.alloc(1e6, "\r\n-");
  const parts = function* (): Generator<Buffer | string> {
    if (place === "first") yield field;
    yield file;
    for (let count = 0; count < megabytes; count += 1) yield piece;
    yield `\r\n${place === "last" ? field : ""}--b--\r\n`;
  };
  const length = field.length + file.length + megabytes * 1e6 + 2 + "--b--\r\n".length;
  const { hostname, port } = new URL(served.url);
  return new Promise((resolve, reject) => {
    const asked = request({
      hostname,
      port,
      method: "POST",
      path: "/v1/audio/transcriptions",
      headers: {
        authorization: `Bearer ${served.key}`,
        "content-type": "multipart/form-data; boundary=b",
        "content-length": length,
      },
    });
    asked.once("error", reject).once("response", (response) => {
      const { statusCode: status = 0, headers } = response;
      const read = async (): Promise<Answer> => {
        const text = Buffer.concat(await response.toArray()).toString();
        return { status, headers, text, json: JSON.parse(text) as Record<string, unknown> };
      };
      read().then(resolve, reject);
    });
    Readable.from(parts(), { objectMode: false }).pipe(asked);
  });
}
