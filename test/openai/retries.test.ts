import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../kit/until.ts";
import { installPythonClients, runClient } from "./python-clients.ts";
import { addSmall, type Served, serve } from "./served.ts";

// Clients as they come: they try again by themselves, where that is of use.
const found = await installPythonClients();
const why = typeof found === "string" ? `: ${found}` : "";
const python = typeof found === "string" ? "" : found.python;

let served: Served;
beforeAll(async () => {
  served = await serve({ gpus: "virtual:2x10GiB", gateway: "  maxWaiting: 1\n" });
  addSmall(served.host, "one", "slots: 1\n");
  served.host.addRuntime(
    "broken",
    `name: broken
protocol: openai
command: [sh, -c, "echo no such model >&2; exit 3", "{port}"]
gpu: { count: 1, vram: 1GiB }
params: { prompt: { type: string } }
`,
  );
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

/** Statuses of what was asked for with a key, as the audit log has them. */
const statusesOf = (key: string): number[] =>
  served.host
    .log()
    .split("\n")
    .filter((line) => line.includes(`"keyId":"${key.slice(5, 15)}"`))
    .map((line) => (JSON.parse(line) as { status: number }).status);
const clientOf = (apiKey: string): OpenAI =>
  new OpenAI({ baseURL: `${served.url}/v1`, apiKey, maxRetries: 5 });
const ask = (client: OpenAI, model: string, content = "tokens=1") =>
  client.chat.completions.create({ model, messages: [{ role: "user", content }] });

describe("OpenAI's client for Node", () => {
  it("comes back to a full lane after the time that it is told, and is served", async () => {
    const key = await served.makeKey("late", "--scope", "submit");
    const first = clientOf(served.key);
    await ask(first, "one");
    const busy = ask(first, "one", "tokens=3 delay=0.5");
    await until("it is busy", async () => {
      const { workers } = await served.host.client.call("GET /workers", {});
      return workers.some(({ state }) => state === "busy");
    });
    // The head of a stream that has to wait comes once it stands in its lane.
    const waiting = await first.chat.completions.create({ model: "one", messages: [], stream: true });
    const late = await ask(clientOf(key), "one");
    expect(late.choices[0]?.message.content).toBe("w0 ");
    await until("it is noted", () => statusesOf(key).includes(200));
    const statuses = statusesOf(key);
    expect(statuses.at(-1)).toBe(200);
    expect(statuses.length, "it was refused first").toBeGreaterThan(1);
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([429]));
    await busy;
    for await (const _ of waiting);
  });

  it("does not ask again for a model that cannot be loaded", async () => {
    const key = await served.makeKey("in-vain", "--scope", "submit");
    await expect(ask(clientOf(key), "broken")).rejects.toMatchObject({
      status: 503,
      code: "runtime/start-failed",
      message: expect.stringContaining("no such model"),
    });
    await until("it is noted", () => statusesOf(key).length > 0);
    expect(statusesOf(key)).toEqual([503]);
  });
});

describe.skipIf(why !== "")(`OpenAI's client for Python${why}`, () => {
  it("keeps to the rate of its key, and asks once for a model that cannot be loaded", async () => {
    const key = await served.makeKey("slow", "--scope", "submit", "--rate", "1/s");
    const answers = await runClient(python, "openai_retries.py", served.url, key, "one", "broken");
    expect(answers).toMatchObject({ broken: [503, "runtime/start-failed"] });
    const { retries } = answers as { retries: number[] };
    const taken = retries.reduce((sum, count) => sum + count, 0);
    expect(taken).toBeGreaterThan(0);
    await until("the last one is noted", () => statusesOf(key).includes(503));
    const statuses = statusesOf(key);
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    expect(statuses.filter((status) => status === 503)).toHaveLength(1);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(taken);
  });
});
