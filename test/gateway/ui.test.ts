import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { until } from "../kit/until.ts";
import { type Served, serve } from "../openai/served.ts";
import { cookieOf, follow } from "./browser.ts";
import { type Answer, type Asking, ask } from "./door.ts";
import { uiRuntime } from "./ui-home.ts";

let served: Served;
let admin: string;
/** Of the doors. */
let paint: string;
let draw: string;

const NAVIGATION = {
  accept: "text/html,*/*",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
};

beforeAll(async () => {
  served = await serve({
    gateway: "  uis: { paint: '127.0.0.1:0', draw: '127.0.0.1:0', none: '127.0.0.1:0' }\n",
  });
  // More than one visitor at a time: a key and a session are two.
  served.host.addRuntime("paint", uiRuntime("paint", "slots: 4\n"));
  served.host.addRuntime("draw", uiRuntime("draw", "slots: 4\n"));
  admin = await served.makeKey("boss", "--scope", "admin");
  const urls = await until("the doors are open", async () => {
    const { uis } = await served.host.client.call("GET /uis", {});
    return uis.every(({ url }) => url !== null) && uis.map(({ url }) => url ?? "");
  });
  [paint = "", draw = ""] = urls;
}, 60_000);
afterAll(() => served?.[Symbol.asyncDispose]());

/** A cookie of the door. */
async function enter(ui: string): Promise<string> {
  const { url } = await served.host.client.call("POST /uis/:ui/login", { ui });
  const entered = await follow(url);
  expect(entered).toMatchObject({ status: 303, headers: { location: "/" } });
  return cookieOf(entered);
}

const withCookie = (url: string, cookie: string, asking: Asking = {}): Promise<Answer> =>
  ask(url, { path: "/x", ...asking, headers: { cookie, ...asking.headers } });

const refusal = async (url: string, headers: Record<string, string>): Promise<number> => {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, { headers });
  const [, answer] = await once(socket, "unexpected-response");
  return answer.statusCode;
};

describe("the page of a worker", () => {
  it("is reached at an origin of its own, byte for byte, with an admin's key", async () => {
    const seen = await ask(paint, {
      path: "/a/%2e%2e/b%20c//d?q=%2F&&x",
      key: admin,
      headers: { "x-own": "1", cookie: "mine=1", "x-forwarded-for": "192.0.2.1", connection: "close, x-own" },
    });
    expect(seen).toMatchObject({ status: 200, json: { path: "/a/%2e%2e/b%20c//d?q=%2F&&x", method: "GET" } });
    const headers = seen.json["headers"] as Record<string, string>;
    expect(headers).toMatchObject({
      cookie: "mine=1",
      host: new URL(paint).host,
      "x-forwarded-proto": "http",
    });
    for (const name of ["authorization", "x-own", "x-forwarded-for"])
      expect(headers).not.toHaveProperty(name);
    expect(seen.headers).not.toHaveProperty("referrer-policy");
    expect(seen.headers["content-security-policy"]).toBe("frame-ancestors 'self'");
    const sent = await ask(paint, { method: "PUT", path: "/put", key: admin, body: "\u0000é" });
    expect(sent.json).toMatchObject({ path: "/put", body: "\u0000Ã©" });
    const head = await ask(paint, { method: "HEAD", path: "/", key: admin });
    expect(head).toMatchObject({ status: 200, headers: { "content-length": "12345" } });
    expect((await ask(paint, { path: "/healthz", key: admin })).json).toMatchObject({ path: "/healthz" });
    expect((await ask(paint, { path: "/.orch/x", key: admin })).status).toBe(404);
  });

  it("passes keys on that are not orch's", async () => {
    const cookie = await enter("paint");
    const { json } = await withCookie(paint, cookie, {
      headers: { authorization: "Bearer sk-own", "x-api-key": "own" },
    });
    expect(json["headers"]).toMatchObject({ authorization: "Bearer sk-own", "x-api-key": "own" });
    const odd = await withCookie(paint, cookie, { headers: { "x-api-key": "orch_spoilt" } });
    expect(odd).toMatchObject({ status: 401, json: { code: "key/refused" } });
  });

  it("keeps its own policy, beside the one that nobody may frame it", async () => {
    const { headers } = await ask(paint, { path: "/part", key: admin });
    expect(headers["content-security-policy"]).toBe("default-src 'none', frame-ancestors 'self'");
  });

  it("sets no cookie of orch's, and nothing that holds for other ports of the host", async () => {
    const { headers } = await ask(paint, { path: "/thief", key: admin });
    expect(headers["set-cookie"]).toEqual(["orchid=flower; Path=/"]);
    expect(headers).not.toHaveProperty("clear-site-data");
    expect(headers).not.toHaveProperty("strict-transport-security");
    expect(headers["x-powered-by"]).toBe("small_ui");
  });

  it("never hears of the cookies of orch", async () => {
    const cookie = await enter("paint");
    const others = `orch-7707=a; ${cookie}; app=1; __Host-orch-1=b;orch-x=2`;
    const { json } = await withCookie(paint, others);
    expect((json["headers"] as Record<string, string>)["cookie"]).toBe("app=1;orch-x=2");
    const none = await withCookie(paint, cookie);
    expect(none.json["headers"]).not.toHaveProperty("cookie");
  });
});

describe("who comes to the page of a worker", () => {
  it("needs a cookie of this door: no other door's, not the dashboard's, no link used twice", async () => {
    const { url: link } = await served.host.client.call("POST /uis/:ui/login", { ui: "paint" });
    const first = await follow(link);
    const cookie = cookieOf(first);
    expect(first.headers["set-cookie"]?.[0]).toMatch(
      new RegExp(
        `^orch-${new URL(paint).port}=[\\w-]{43}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict$`,
      ),
    );
    expect((await withCookie(paint, cookie)).status).toBe(200);
    const again = await follow(link);
    expect(again).toMatchObject({ status: 403 });
    expect(again.text).toContain("has been used or is too old. Another one: orch ui paint");
    expect((await ask(paint, { path: "/.orch/login?token=x" })).status).toBe(403);
    const secret = cookie.split("=")[1];
    const renamed = `orch-${new URL(draw).port}=${secret}`;
    expect((await withCookie(draw, cookie)).status, "its name").toBe(401);
    expect((await withCookie(draw, renamed)).status, "its secret").toBe(401);
    const main = `orch-${new URL(served.url).port}=${secret}`;
    expect((await ask(served.url, { path: "/dashboard/me", headers: { cookie: main } })).status).toBe(401);
    const { url: login } = await served.host.client.call("POST /logins", {});
    const dashboard = cookieOf(await follow(login)).split("=")[1];
    expect((await withCookie(paint, `orch-${new URL(paint).port}=${dashboard}`)).status).toBe(401);
    expect((await withCookie(paint, `${cookie}; orch-${new URL(paint).port}=tossed`)).status, "two").toBe(
      401,
    );
  });

  it("is told how to come in: people by a page, programs by a problem", async () => {
    const page = await ask(paint, { path: "/", headers: NAVIGATION });
    expect(page.status).toBe(401);
    expect(page.text).toContain("On the host: orch ui paint");
    expect(page.text).toContain(`href="${served.url}/dashboard"`);
    expect(page.headers["content-security-policy"]).toMatch(/^default-src 'none'; .*frame-ancestors 'self'/);
    expect((await ask(paint, { path: "/" })).json).toMatchObject({
      code: "key/refused",
      hint: expect.stringContaining("orch ui paint"),
    });
  });

  it("has the rights that /upstream asks for, for this runtime", async () => {
    expect((await ask(paint, { path: "/", key: served.key })).status).toBe(403);
    const narrow = await served.makeKey("narrow", "--scope", "admin", "--runtime", "paint");
    expect(await ask(draw, { path: "/", key: narrow })).toMatchObject({
      status: 403,
      json: { detail: "it is for paint" },
    });
    const login = (ui: string, key: string): Promise<Answer> =>
      ask(served.url, { method: "POST", path: `/api/v1/uis/${ui}/login`, key, body: { bound: false } });
    expect((await login("draw", narrow)).status).toBe(403);
    expect((await login("paint", served.key)).status).toBe(403);
    const made = await login("paint", narrow);
    const cookie = cookieOf(await follow(String(made.json["url"])));
    expect((await ask(served.url, { path: "/api/v1/uis", key: served.key })).status, "submit").toBe(403);
    const socket = new WebSocket(`${paint.replace("http", "ws")}/ws`, { headers: { cookie, origin: paint } });
    await once(socket, "open");
    const closed = once(socket, "close");
    await served.host.cli("keys", "rm", "narrow");
    await closed;
    expect((await withCookie(paint, cookie)).status, "ends with its key").toBe(401);
  });

  it("is no page of elsewhere, and comes by no other name", async () => {
    const cookie = await enter("paint");
    const post = (headers: Record<string, string>): Promise<number> =>
      withCookie(paint, cookie, { method: "POST", body: "a=b", headers }).then(({ status }) => status);
    expect(await post({ origin: paint })).toBe(200);
    expect(await post({}), "nobody says where it comes from").toBe(403);
    for (const origin of [draw, served.url, "http://evil.example", "null"])
      expect(await post({ origin }), origin).toBe(403);
    expect(await post({ origin: paint, "sec-fetch-site": "same-site" })).toBe(403);
    expect(await post({ origin: "http://evil.example", host: "evil.example" })).toBe(403);
    expect((await withCookie(paint, cookie, { headers: { host: "evil.example" } })).status).toBe(403);
    expect((await withCookie(paint, cookie, { headers: { "sec-fetch-site": "same-site" } })).status).toBe(
      403,
    );
    expect(await refusal(paint, { cookie, origin: draw })).toBe(403);
    expect(await refusal(paint, { cookie, origin: "http://evil.example" })).toBe(403);
    expect(await refusal(paint, { cookie })).toBe(403);
    expect(await refusal(paint, { cookie: cookie.replace(/=.*/, "=x"), origin: paint })).toBe(401);
  });

  it("may be led here by a link of elsewhere, and is asked before anything is done", async () => {
    const cookie = await enter("paint");
    for (const site of ["cross-site", "same-site"]) {
      const page = await withCookie(paint, cookie, {
        path: "/delete?all=<b>",
        headers: { ...NAVIGATION, "sec-fetch-site": site },
      });
      expect(page).toMatchObject({ status: 403, headers: { "content-type": "text/html; charset=utf-8" } });
      expect(page.text).toContain(`<a href="${paint}/delete?all=&lt;b&gt;">`);
    }
    const headers = { ...NAVIGATION, "sec-fetch-site": "cross-site" };
    const away = await withCookie(paint, cookie, { path: "//evil.example/", headers });
    expect(away.text).toContain(`<a href="${paint}//evil.example/">`);
    const { url } = await served.host.client.call("POST /uis/:ui/login", { ui: "paint" });
    const { pathname, search } = new URL(url);
    const led = await ask(paint, {
      path: `${pathname}${search}`,
      headers,
    });
    expect(led.status).toBe(403);
    expect(led.headers["set-cookie"]).toBeUndefined();
    const own = await withCookie(paint, cookie, { headers: { ...NAVIGATION, "sec-fetch-site": "none" } });
    expect(own.status).toBe(200);
  });

  it("gains nothing at the dashboard from there", async () => {
    const { url: login } = await served.host.client.call("POST /logins", {});
    const cookie = cookieOf(await follow(login));
    const asked = (method: string, headers: Record<string, string>): Promise<Answer> =>
      ask(served.url, {
        ...(method === "POST" && { body: { runtime: "paint" } }),
        method,
        path: method === "POST" ? "/api/v1/workers/start" : "/api/v1/jobs",
        headers: { cookie, ...headers },
      });
    expect((await asked("POST", { origin: paint })).status, "the same host, another port").toBe(403);
    expect((await asked("POST", { origin: paint, "sec-fetch-site": "same-site" })).status).toBe(403);
    expect((await asked("GET", { "sec-fetch-site": "same-site" })).status).toBe(403);
    expect((await asked("GET", { "sec-fetch-site": "same-origin" })).status).toBe(200);
  });
});

describe("a visit", () => {
  it("has one place however much is asked at once, and gives it back some time after the last", async () => {
    const cookie = await enter("paint");
    const headers = { cookie, origin: paint };
    const workers = async () => (await served.host.client.call("GET /workers", {})).workers;
    const socket = new WebSocket(`${paint.replace("http", "ws")}/ws`, { headers });
    await once(socket, "open");
    const answers = await Promise.all(Array.from({ length: 20 }, () => withCookie(paint, cookie)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map((answer) => answer.headers["x-orch-request-id"])).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.headers["x-orch-worker"])).size).toBe(1);
    // Visitors of the tests before keep their places for some seconds.
    await until("nobody else is there", async () => (await workers())[0]?.requests === 1);
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toBe("hello");
    socket.close();
    await until("its place is free", async () => (await workers())[0]?.state === "ready");
    const { lanes } = await served.host.client.call("GET /runtimes/:runtime", { runtime: "paint" });
    expect(
      lanes.map(({ run }) => run),
      "how long a page was open is no run time",
    ).toEqual([null]);
  });

  it("shows people how their worker comes along, with the reason, and goes on by itself", async () => {
    const cookie = await enter("draw");
    const busy = new WebSocket(`${paint.replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${admin}` },
    });
    await once(busy, "open");
    const look = (): Promise<Answer> =>
      withCookie(draw, cookie, { headers: { ...NAVIGATION, "sec-fetch-site": "none" } });
    const page = await look();
    expect(page).toMatchObject({ status: 503, headers: { refresh: "2", "retry-after": "2" } });
    expect(page.text).toContain("<h1>draw is starting</h1>");
    expect(page.text).toMatch(/You are next\..*Now: .*paint.*This page asks again by itself/);
    const program = withCookie(draw, cookie);
    busy.close();
    expect((await program).json, "it waits").toMatchObject({ path: "/x" });
    expect((await look()).json).toMatchObject({ path: "/x" });
  });

  it("goes on with the next worker when the last one has died", async () => {
    const cookie = await enter("draw");
    const first = await withCookie(draw, cookie);
    const died = await withCookie(draw, cookie, {
      method: "POST",
      path: "/die",
      body: "now",
      headers: { origin: draw },
    });
    expect(died.json).toMatchObject({ code: "worker/failed" });
    const next = await withCookie(draw, cookie);
    expect(next.status).toBe(200);
    expect(next.headers["x-orch-worker"]).not.toBe(first.headers["x-orch-worker"]);
  });

  it("tells people what keeps a worker from starting", async () => {
    const cookie = await enter("none");
    const { uis } = await served.host.client.call("GET /uis", {});
    const url = uis.find(({ name }) => name === "none")?.url ?? "";
    const page = await withCookie(url, cookie, { headers: { ...NAVIGATION, "sec-fetch-site": "none" } });
    expect(page.status).toBe(404);
    expect(page.text).toContain("there is no model &quot;none&quot;");
  });
});

describe("orch ui", () => {
  it("lists the doors with their workers", async () => {
    const { code, stdout } = await served.host.cli("ui", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      uis: [
        { name: "paint", url: paint },
        { name: "draw", url: draw },
        { name: "none", worker: null },
      ],
    });
    expect((await served.host.cli("ui", "-q")).stdout).toBe("paint\ndraw\nnone\n");
  });

  it("prints a link, and says what is to be written where there is no door", async () => {
    const { code, stdout } = await served.host.cli("ui", "--print", "paint");
    expect(code).toBe(0);
    expect((await follow(stdout.trim())).status).toBe(303);
    const none = await served.host.cli("ui", "pant");
    expect(none.code).toBe(6);
    expect(none.stderr).toContain('there is no door to the page of "pant"');
    expect(none.stderr).toContain("did you mean paint?");
    expect(none.stderr).toContain("uis: { pant: 127.0.0.1:8188 }");
  });

  it("is in the audit log, without any secret", async () => {
    const cookie = await enter("paint");
    await withCookie(paint, cookie, { path: "/private/place?token=secret" });
    const log = served.host.log();
    expect(log).toMatch(/"route":"GET \/ui\/paint\/\*","keyId":"session-[0-9a-f]{8}"/);
    expect(log).toContain('"route":"GET /.orch/login"');
    expect(log).not.toContain("/private/place");
    expect(log).not.toContain(cookie.split("=")[1]);
    const { text } = await ask(served.url, { path: "/metrics", key: admin });
    expect(text).toMatch(/orch_gateway_requests_total\{.*surface="ui".*route="GET \/ui\/paint\/\*"/);
  });
});
