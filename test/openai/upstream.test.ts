import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ask } from "../gateway/door.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { until } from "../kit/until.ts";
import { addSmall, type Served, serve } from "./served.ts";

let served: Served;
let admin: string;

beforeAll(async () => {
  served = await serve();
  addSmall(served.host, "one", "slots: 1\n");
  addEchoRuntime(served.host, "said");
  admin = await served.makeKey("boss", "--scope", "admin");
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

const busy = async (): Promise<number> => {
  const { workers } = await served.host.client.call("GET /workers", {});
  return workers.filter(({ state }) => state === "busy").length;
};

describe("a worker's own server", () => {
  it("is reached by any method below /upstream, with an admin's key alone", async () => {
    const seen = await ask(served.url, {
      path: "/upstream/one/ui/%2e%2e/page?tab=2&key=x",
      key: admin,
      headers: { accept: "text/html", cookie: "a=b", "x-api-key": "k" },
    });
    expect(seen).toMatchObject({ status: 200, json: { path: "/page?tab=2&key=x", method: "GET" } });
    const sent = Object.keys(seen.json["headers"] as object).map((name) => name.toLowerCase());
    expect(sent).toContain("accept");
    for (const name of ["authorization", "cookie", "x-api-key"]) expect(sent).not.toContain(name);
    expect(seen.headers["set-cookie"]).toBeUndefined();
    expect(seen.headers["access-control-allow-origin"], "pages of anybody").toBeUndefined();
    expect(seen.headers["content-security-policy"]).toContain("default-src 'none'");
    const removed = await ask(served.url, { method: "DELETE", path: "/upstream/one/x", key: admin });
    expect(removed.json).toEqual({ path: "/x", method: "DELETE" });
    const posted = await ask(served.url, {
      method: "POST",
      path: "/upstream/one/v1/completions",
      key: admin,
      body: { model: "m", prompt: "tokens=1" },
    });
    expect(posted.json).toMatchObject({ choices: [{ text: "w0 " }] });
    expect((await ask(served.url, { path: "/upstream/one/page", key: served.key })).status).toBe(403);
    expect((await ask(served.url, { path: "/upstream/one/page" })).status).toBe(401);
    expect((await ask(served.url, { path: "/upstream/none/page", key: admin })).status).toBe(404);
    expect((await ask(served.url, { path: "/upstream/said/page", key: admin })).json).toMatchObject({
      title: expect.stringContaining("no server of its own"),
    });
  });

  it("hears of no key, not by the other APIs either", async () => {
    await ask(served.url, {
      method: "POST",
      path: "/v1/chat/completions",
      key: admin,
      headers: { cookie: "a=b", "openai-organization": "org", "x-forwarded-for": "192.0.2.1" },
      body: { model: "one", messages: [] },
    });
    const { json } = await ask(served.url, { path: "/upstream/one/seen", key: admin });
    const names = Object.keys(json["headers"] as object);
    expect(names.toSorted()).toEqual([
      "connection",
      "content-length",
      "content-type",
      "host",
      "x-orch-correlation",
    ]);
  });

  it("talks over a WebSocket, which holds its place as long as it lasts", async () => {
    const address = `${served.url.replace("http", "ws")}/upstream/one/socket`;
    const socket = new WebSocket(address, { headers: { authorization: `Bearer ${admin}` } });
    await once(socket, "open");
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toBe("hello");
    expect(await busy()).toBe(1);
    socket.send("x".repeat(2_000));
    expect(String((await once(socket, "message"))[0])).toHaveLength(2_000);
    socket.close();
    await until("its place is free", async () => (await busy()) === 0);
  });

  it("opens no WebSocket to a page of elsewhere, to no key, and none beside /upstream", async () => {
    const refusal = async (path: string, headers: Record<string, string>): Promise<number> => {
      const socket = new WebSocket(`${served.url.replace("http", "ws")}${path}`, { headers });
      const [, answer] = await once(socket, "unexpected-response");
      return answer.statusCode;
    };
    const authorization = `Bearer ${admin}`;
    expect(await refusal("/upstream/one/s", {})).toBe(401);
    expect(await refusal("/upstream/one/s", { authorization: `Bearer ${served.key}` })).toBe(403);
    expect(await refusal("/upstream/one/s", { authorization, origin: "http://elsewhere.example" })).toBe(403);
    expect(await refusal("/upstream/one/s", { authorization, host: "elsewhere.example" })).toBe(403);
    expect(await refusal("/v1/models/nothing", { authorization })).toBe(404);
    expect(await busy()).toBe(0);
  });

  it("cuts off a WebSocket whose key is taken away", async () => {
    const key = await served.makeKey("short", "--scope", "admin");
    const address = `${served.url.replace("http", "ws")}/upstream/one/socket`;
    const socket = new WebSocket(address, { headers: { authorization: `Bearer ${key}` } });
    await once(socket, "open");
    const closed = once(socket, "close");
    await served.host.cli("keys", "rm", "short");
    await closed;
    await until("its place is free", async () => (await busy()) === 0);
  });

  it.each([
    "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "connection: Upgrade\r\nupgrade: websocket",
  ])("answers those who ask in passing for what they do not get as all others: %j", async (wish) => {
    const { port } = new URL(served.url);
    const socket = connect(Number(port), "127.0.0.1");
    const body = '{"model":"one","messages":[{"role":"user","content":"tokens=1"}]}';
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${served.key}\r\n` +
        `${wish}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let text = "";
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.includes("choices")) break;
    }
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(text).toContain("w0 ");
  });
});
