import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, ask } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { addSmall, type Served, serve } from "./served.ts";

let served: Served;

beforeAll(async () => {
  served = await serve({ gateway: "  maxWaiting: 2\n" });
  addSmall(served.host, "one", "slots: 1\n");
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

const chat = (
  content: string,
  more: { headers?: Record<string, string>; key?: string } = {},
): Promise<Answer> =>
  ask(served.url, {
    method: "POST",
    path: "/v1/chat/completions",
    key: served.key,
    ...more,
    body: { model: "one", messages: [{ role: "user", content }] },
  });

/** A stream whose head has come: since it has to wait, that is after it stands in its lane. */
const enter = (priority: string): Promise<Response> =>
  fetch(`${served.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${served.key}`,
      "content-type": "application/json",
      "x-orch-priority": priority,
    },
    body: JSON.stringify({ model: "one", messages: [], stream: true }),
  });

describe("a lane with a worker for one request at a time", () => {
  it("lets the higher priority go first, and refuses whoever finds it full, with a time to come back", async () => {
    await chat("hi");
    const order: string[] = [];
    const busy = chat("tokens=3 delay=1.2");
    await until("it is busy", async () => {
      const { workers } = await served.host.client.call("GET /workers", {});
      return workers.some(({ state }) => state === "busy");
    });
    const read = async (name: string, response: Response): Promise<string> => {
      const text = await response.text();
      order.push(name);
      return text;
    };
    const low = read("low", await enter("0"));
    const high = read("high", await enter("5"));
    const full = await chat("hi");
    expect(full).toMatchObject({ status: 429, json: { error: { code: "rate_limit_exceeded" } } });
    expect(Number(full.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect((await busy).status).toBe(200);
    for (const text of await Promise.all([low, high])) expect(text).toMatch(/\[DONE\]\n\n$/);
    expect(order).toEqual(["high", "low"]);
    expect(await chat("hi", { headers: { "x-orch-priority": "a b" } })).toMatchObject({ status: 400 });
  });

  it("counts requests against the quota of a key, and its models", async () => {
    const key = await served.makeKey("few", "--scope", "submit", "--quota", "2/h");
    expect((await chat("hi", { key })).status).toBe(200);
    expect((await chat("hi", { key })).status).toBe(200);
    const third = await chat("hi", { key });
    expect(third).toMatchObject({ status: 429, json: { error: { code: "rate_limit_exceeded" } } });
    expect(Number(third.headers["retry-after"])).toBeGreaterThan(60);
    addSmall(served.host, "two");
    const other = await served.makeKey("other", "--scope", "submit", "--runtime", "two");
    expect(await chat("hi", { key: other })).toMatchObject({
      status: 403,
      json: { error: { type: "permission_error" } },
    });
    const listed = await ask(served.url, { path: "/v1/models", key: other });
    expect((listed.json["data"] as { id: string }[]).map(({ id }) => id)).toEqual(["two"]);
    const reader = await served.makeKey("reader", "--scope", "read");
    expect((await chat("hi", { key: reader })).status).toBe(403);
  });
});
