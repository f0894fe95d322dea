import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessTo } from "../../src/gateway/access.ts";
import { operations } from "../../src/operations/index.ts";
import { runDetached, untilOver, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { type Answer, ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
const RUNTIME = `name: NAME
protocol: exec
command: [cat]
params: { text: { type: string }, file: { type: file } }
`;

let home: OrchHome;
let url: string;
beforeAll(async () => {
  home = createHome();
  writeConfig(home, "  hosts: [gpu.example]\n");
  for (const name of ["note", "other"])
    home.write(`runtimes/${name}/runtime.yaml`, RUNTIME.replace("NAME", name));
  await home.daemon();
  await makeKey(home, "opens");
  url = await urlOf(home);
});
afterAll(() => home[Symbol.asyncDispose]());

/** How often a key was put off, by the audit log. */
const refusedOf = (key: string): number =>
  readFileSync(join(home.dir, "state", "daemon.log"), "utf8")
    .split("\n")
    .filter((line) => line.includes(`"keyId":"${key.slice(5, 15)}"`) && line.includes('"status":429')).length;
const port = (): string => new URL(url).port;
const post = (path: string, body: unknown, key: string): Promise<Answer> =>
  ask(url, { method: "POST", path: `/api/v1${path}`, body, key });

describe("a request from a page", () => {
  it("for another name than the gateway's is refused, with and without a key [fault 53]", async () => {
    const key = await makeKey(home, "page-1");
    const by = (host: string) => ask(url, { key, headers: { host } });
    for (const host of [
      "evil.example",
      `evil.example:${port()}`,
      "127.0.0.1.evil.example",
      "0.0.0.0",
      "a b",
      "[::1",
    ]) {
      const refused = await by(host);
      expect(refused, host).toMatchObject({ json: { code: "permission/denied" }, status: 403 });
    }
    for (const host of ["localhost", `LOCALHOST:${port()}`, "gpu.example", `127.0.0.1:${port()}`])
      expect((await by(host)).status, host).toBe(200);
    expect((await ask(url, { path: "/healthz", headers: { host: "evil.example" } })).status).toBe(403);
  });

  it("of another origin is refused, and none is invited [fault 53]", async () => {
    const key = await makeKey(home, "page-2");
    const from = (headers: Record<string, string>) => ask(url, { key, headers });
    for (const origin of ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
      expect((await from({ origin })).status, origin).toBe(403);
    expect((await from({ "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await from({ "sec-fetch-site": "same-site" })).status).toBe(403);
    const own = await from({ origin: url, "sec-fetch-site": "same-origin" });
    expect(own.status).toBe(200);
    expect(own.headers).toMatchObject({
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    });
    const preflight = await ask(url, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect(preflight.status).toBe(403);
    for (const { headers } of [own, preflight])
      expect(Object.keys(headers).filter((name) => /^(access-control|set-cookie)/.test(name))).toEqual([]);
  });

  it("that a form could have made is refused [fault 53]", async () => {
    const key = await makeKey(home, "page-3");
    const body = JSON.stringify({ runtime: "note" });
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "",
    ]) {
      const headers = { "content-type": type };
      const refused = await ask(url, { method: "POST", path: "/api/v1/jobs", body, key, headers });
      expect(refused, type).toMatchObject({ status: 400, json: { code: "request/malformed" } });
    }
    const packed = { "content-encoding": "gzip" };
    const refused = await ask(url, { method: "POST", path: "/api/v1/jobs", body, key, headers: packed });
    expect(refused.status).toBe(400);
  });
});

describe("a key", () => {
  it("reaches what its scopes say, of every operation, and no more", async () => {
    const keys = {
      read: await makeKey(home, "read", "--scope", "read"),
      submit: await makeKey(home, "submit", "--scope", "submit"),
      run: await makeKey(home, "run", "--scope", "run"),
      admin: await makeKey(home, "admin", "--scope", "admin"),
    };
    const wrong: string[] = [];
    for (const { route } of operations) {
      const access = accessTo(route);
      // Streams and the end of the daemon are not begun: what is refused is refused before.
      const [method = "", path = ""] = route.replaceAll(/:\w+/g, "999").split(" ");
      for (const [scope, key] of Object.entries(keys)) {
        if (access === scope || (scope === "admin" && access !== "run" && access !== "never")) continue;
        // What is submitted by it is looked at then: schedules.test.ts.
        if (access === "schedule" && scope !== "read") continue;
        const body = method === "POST" ? {} : undefined;
        const { status, json } = await ask(url, { method, path: `/api/v1${path}`, key, body });
        if (status !== 403 || json["code"] !== "permission/denied")
          wrong.push(`${scope}: ${route} ${status}`);
      }
    }
    expect(wrong).toEqual([]);
    expect((await post("/jobs/dry-run", { runtime: "note" }, keys.submit)).status).toBe(200);
    expect((await post("/runtimes/note/forget", {}, keys.admin)).status).toBe(200);
    const ran = await post("/jobs/run", { command: ["true"], cwd: home.dir }, keys.run);
    expect(ran.status).toBe(200);
  });

  it("for some runtimes manages nothing, whatever its scopes are", async () => {
    const key = await makeKey(home, "one", "--scope", "admin,submit", "--runtime", "note");
    for (const route of ["/runtimes/note/forget", "/workers/start", "/shutdown"]) {
      const { status, json } = await post(route, {}, key);
      expect(status).toBe(403);
      expect(json["title"] ?? json["detail"]).toContain("not for keys of some runtimes");
    }
    expect((await post("/jobs/dry-run", { runtime: "note" }, key)).status).toBe(200);
  });

  it("without which nothing is served but health and the page of the dashboard", async () => {
    expect(await ask(url, { path: "/healthz" })).toMatchObject({ status: 200, text: "ok\n" });
    expect((await ask(url, { path: "/readyz" })).status).toBe(200);
    expect(await ask(url, { method: "HEAD", path: "/healthz" })).toMatchObject({ status: 200, text: "" });
    expect((await ask(url, { method: "POST", path: "/healthz" })).status).toBe(401);
    for (const path of [
      "/x",
      "/dashboard/me",
      "/dashboard/events",
      "/api/v1/jobs",
      "/api/v1/nothing",
      "/../healthz",
    ])
      expect(await ask(url, { path }), path).toMatchObject({ status: 401 });
    const key = await makeKey(home, "near");
    const near = [
      key.slice(0, -1),
      `${key}A`,
      key.toUpperCase(),
      `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`,
    ];
    for (const text of [...near, "Bearer", "orch_", "", " "])
      expect((await ask(url, { headers: { authorization: `Bearer ${text}` } })).status, text).toBe(401);
    expect((await ask(url, { headers: { authorization: `Basic ${key}` } })).status).toBe(401);
    expect((await ask(url, { path: "/x", key })).status).toBe(404);
  });

  it("for one runtime submits and tries again no other one, and no command", async () => {
    const key = await makeKey(home, "one-runtime", "--runtime", "note");
    expect((await post("/jobs", { runtime: "note", params: { text: "x" } }, key)).status).toBe(200);
    for (const [path, body] of [
      ["/jobs", { runtime: "other" }],
      ["/jobs/dry-run", { runtime: "other" }],
      ["/jobs/batch", { jobs: [{ runtime: "note" }, { runtime: "other" }] }],
      ["/jobs/array", { runtime: "other", array: "0-1" }],
    ] as const)
      expect(await post(path, body, key), path).toMatchObject({
        status: 403,
        json: { code: "permission/denied" },
      });
    const other = (await home.client.call("POST /jobs", { runtime: "other" })).id;
    const command = await runDetached(home, "--", "false");
    for (const id of [other, command]) {
      await untilOver(home, id);
      expect((await post(`/jobs/${id}/retry`, {}, key)).json["title"]).toMatch(
        /is not for the runtime|runs a command/,
      );
    }
  });

  it("names no file and no address that the host could read [fault 50] [fault 51]", async () => {
    const key = await makeKey(home, "files");
    const values = [
      "/etc/passwd",
      "/etc/../etc/passwd",
      "%2e%2e/passwd",
      "http://127.0.0.1/",
      "http://169.254.169.254/",
    ];
    for (const file of values) {
      const answer = await post("/jobs", { runtime: "note", params: { file } }, key);
      expect(answer, file).toMatchObject({ status: 400, json: { code: "param/invalid" } });
    }
    const held = await home.client.call("POST /jobs", { runtime: "note", options: { hold: true } });
    const changed = await post(`/jobs/${held.id}/update`, { params: { file: "/etc/passwd" } }, key);
    expect(changed).toMatchObject({ status: 400, json: { code: "param/invalid" } });
    for (const id of ["..%2f..%2fetc%2fpasswd", "%2e%2e", "1%00", "1/../2", "%252e%252e"])
      expect((await ask(url, { path: `/api/v1/jobs/${id}/logs`, key })).status, id).toBeGreaterThanOrEqual(
        400,
      );
  });

  it("asks as often as it may, and submits as many as it may", async () => {
    const often = await makeKey(home, "often", "--rate", "3/h");
    const statuses = [];
    for (let count = 0; count < 4; count++) statuses.push((await ask(url, { key: often })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const late = await ask(url, { key: often });
    expect(late.json).toMatchObject({ code: "request/too-many", status: 429 });
    expect(Number(late.headers["retry-after"])).toBeGreaterThan(1_100);
    await until("it is noted whose limit that was", () => refusedOf(often) === 2);
    const many = await makeKey(home, "many", "--quota", "5/h");
    const batch = (count: number) =>
      post("/jobs/batch", { jobs: Array.from({ length: count }, () => ({ runtime: "note" })) }, many);
    expect((await batch(6)).json).toMatchObject({ code: "quota/refused", hint: "ask for fewer at once" });
    expect((await batch(4)).status).toBe(200);
    expect((await batch(2)).json).toMatchObject({ code: "quota/refused", status: 429 });
    expect((await post("/jobs", { runtime: "note", idempotencyKey: "k" }, many)).status).toBe(200);
    const again = await post("/jobs", { runtime: "note", idempotencyKey: "k" }, many);
    expect(again, "what is repeated costs nothing").toMatchObject({ status: 200, json: { isRepeat: true } });
    expect((await post("/jobs", { runtime: "note" }, many)).status).toBe(429);
  });

  it("gives its jobs the correlation id of its request, which is in the answer and the log", async () => {
    const key = await makeKey(home, "correlated");
    const submit = { method: "POST", path: "/api/v1/jobs", body: { runtime: "note" }, key };
    const given = await ask(url, { ...submit, headers: { "x-correlation-id": "nightly-7" } });
    expect(given.headers["x-correlation-id"]).toBe("nightly-7");
    expect(given.json["correlation"]).toBe("nightly-7");
    const own = await ask(url, submit);
    expect(own.json["correlation"]).toBe(own.headers["x-correlation-id"]);
    expect((await ask(url, { ...submit, headers: { "x-correlation-id": "a b" } })).status).toBe(400);
  });
});
