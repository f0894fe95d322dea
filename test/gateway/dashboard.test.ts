import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { browserWith, cookieOf, follow, openBrowser } from "./browser.ts";
import { ask, makeKey, writeConfig } from "./door.ts";

const createHome = useOrch();
let home: OrchHome;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  await home.daemon();
});
afterAll(() => home[Symbol.asyncDispose]());

/** Of the program, as a user reads it. */
const printLink = async (): Promise<string> => {
  const { code, stdout, stderr } = await home.orch(["dashboard", "--print"]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
};

/** Files of the daemon in which a text is. */
const filesWith = (text: string): string[] =>
  readdirSync(join(home.dir, "state"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));

describe("a link of orch dashboard", () => {
  it("opens the gateway though there is no key, logs in once, and stays in no log [fault 55]", async () => {
    const before = await home.client.call("GET /keys", {});
    expect(before).toMatchObject({ keys: [], gateway: { url: null } });
    const link = await printLink();
    const entered = await follow(link);
    expect(entered).toMatchObject({ status: 303, headers: { location: "/dashboard" } });
    const [given = ""] = entered.headers["set-cookie"] ?? [];
    const port = new URL(link).port;
    expect(given).toMatch(
      new RegExp(`^orch-${port}=[\\w-]{43}; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict$`),
    );
    const again = await follow(link);
    expect(again.status).toBe(403);
    expect(again.headers["set-cookie"]).toBeUndefined();
    expect(again.text).toContain("has been used or is too old. Another one: orch dashboard");
    for (const secret of [new URL(link).searchParams.get("token"), cookieOf(entered).split("=")[1]])
      expect(filesWith(String(secret))).toEqual([]);
    expect(filesWith("GET /dashboard/login"), "it would be found").not.toEqual([]);
  });

  it("lets read, submit and manage as its user may, and run no command", async () => {
    const browser = await openBrowser(home);
    const { json } = await browser.get("/dashboard/me");
    expect(json).toMatchObject({
      isAdmin: true,
      scopes: ["read", "submit", "admin"],
      login: "link",
      key: null,
    });
    expect(Date.parse(String(json["expiresAt"])) - Date.now()).toBeGreaterThan(6 * 86_400_000);
    expect((await browser.get("/api/v1/jobs")).status).toBe(200);
    expect((await browser.post("/api/v1/jobs", { runtime: "note" })).status).toBe(200);
    expect((await browser.post("/api/v1/workers/start", { runtime: "nothing" })).json["code"]).toBe(
      "runtime/unknown",
    );
    const command = await browser.post("/api/v1/jobs/run", { command: ["true"], cwd: "/" });
    expect(command).toMatchObject({ status: 403, json: { code: "permission/denied" } });
    expect((await browser.get("/api/v1/keys")).status).toBe(403);
  });

  it("is not used up by a look ahead", async () => {
    const link = await printLink();
    const { origin, pathname, search } = new URL(link);
    const peek = await ask(origin, { path: `${pathname}${search}`, headers: { "sec-purpose": "prefetch" } });
    expect(peek.status).toBe(403);
    expect((await follow(link)).status).toBe(303);
  });
});

describe("a session", () => {
  it("ends by its own wish", async () => {
    const browser = await openBrowser(home);
    const out = await browser.post("/dashboard/logout", {});
    expect(out.status).toBe(204);
    expect(out.headers["set-cookie"]?.[0]).toMatch(/=; Path=\/; Max-Age=0/);
    expect((await browser.get("/dashboard/me")).status).toBe(401);
  });

  it("keeps the gateway open as long as it lasts, where there is no key", async () => {
    await using other = createHome();
    writeConfig(other);
    await other.daemon();
    const { url, post } = await openBrowser(other);
    const gateway = async () => (await other.client.call("GET /keys", {})).gateway;
    expect((await gateway())?.url).toBe(url);
    expect((await post("/dashboard/logout", {})).status).toBe(204);
    await until("it is shut", async () => (await gateway())?.url === null);
    expect((await gateway())?.detail).toContain("there is no valid key");
    await expect(ask(url, { path: "/dashboard" })).rejects.toThrow(/ECONNREFUSED/);
  });

  it("changes nothing for a page of another origin, a form, or whoever does not say where it comes from [fault 53]", async () => {
    const browser = await openBrowser(home);
    const { cookie, url } = browser;
    const submit = { method: "POST", path: "/api/v1/jobs", body: { runtime: "note" } };
    const status = async (headers: Record<string, string>, more = {}) =>
      (await ask(url, { ...submit, ...more, headers: { cookie, ...headers } })).status;
    expect(await status({}), "no origin").toBe(403);
    expect(await status({ origin: "http://evil.example" })).toBe(403);
    expect(await status({ origin: "null" })).toBe(403);
    expect(await status({ origin: url, "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await status({ origin: url, "sec-fetch-site": "same-site" }), "another port").toBe(403);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
      expect(await status({ origin: url, "content-type": type }), type).toBe(403);
    expect(await status({ origin: url, host: "evil.example" })).toBe(403);
    expect(await status({ "sec-fetch-site": "cross-site" }, { method: "GET", body: undefined })).toBe(403);
    expect(await status({ origin: url })).toBe(200);
    const none = await ask(url, { ...submit, headers: { cookie: "orch-1=x", origin: url } });
    expect(none.status).toBe(401);
  });

  it("begins by an API key, with what that one may, and ends with it", async () => {
    const { url } = await openBrowser(home);
    const key = await makeKey(home, "page", "--scope", "read");
    const enter = (body: unknown, headers = {}) =>
      ask(url, { method: "POST", path: "/dashboard/login", body, headers: { origin: url, ...headers } });
    const entered = await enter({ key });
    expect(entered.status).toBe(204);
    const browser = browserWith(url, cookieOf(entered));
    const { json } = await browser.get("/dashboard/me");
    expect(json).toMatchObject({ isAdmin: false, scopes: ["read"], login: "key", key: key.slice(5, 15) });
    expect((await browser.post("/api/v1/jobs", { runtime: "note" })).status).toBe(403);
    await home.orch(["keys", "rm", "page"]);
    expect((await browser.get("/dashboard/me")).status).toBe(401);
    expect(await enter({ key })).toMatchObject({ status: 401, json: { code: "key/refused" } });
    expect((await enter({ key: "x" })).status).toBe(401);
    expect((await enter("[]")).status).toBe(400);
    expect((await enter({ key: "x".repeat(5_000) })).status).toBe(413);
    expect((await enter({ key }, { "content-type": "text/plain" })).status).toBe(400);
    const narrow = await makeKey(home, "narrow", "--scope", "submit");
    expect(await enter({ key: narrow })).toMatchObject({
      status: 403,
      json: { detail: "this one has submit" },
    });
  });
});

describe("the page", () => {
  it("is served with its files, packed, for ever where the name says what is in it", async () => {
    const { url } = await openBrowser(home);
    const page = await ask(url, { path: "/dashboard" });
    expect(page).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    expect(page.headers["content-security-policy"]).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; /,
    );
    expect(page.headers["content-security-policy"]).not.toMatch(/unsafe|\*/);
    expect(page.headers).toMatchObject({ "cache-control": "no-cache", "x-content-type-options": "nosniff" });
    const [, script = ""] = /src="(\/dashboard\/assets\/[\w.-]+\.js)"/.exec(page.text) ?? [];
    const file = await ask(url, { path: script });
    expect(file.headers).toMatchObject({
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
    });
    const packed = await fetch(`${url}${script}`, { headers: { "accept-encoding": "gzip" } });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(await packed.text()).toBe(file.text);
    const known = await ask(url, {
      path: "/dashboard",
      headers: { "if-none-match": String(page.headers.etag) },
    });
    expect(known).toMatchObject({ status: 304, text: "" });
    expect((await ask(url, { path: "/dashboard/jobs/42" })).text).toBe(page.text);
    expect((await ask(url, { path: "/" })).headers.location).toBe("/dashboard");
  });

  it("is no way to any other file [fault 50]", async () => {
    const { url } = await openBrowser(home);
    const tries = [
      "../../package.json",
      "%2e%2e/%2e%2e/package.json",
      "..%2f..%2fpackage.json",
      "/etc/passwd",
    ];
    for (const path of [...tries, "..\\..\\package.json", "app.js%00", "__proto__", "constructor", ""]) {
      const { status, text } = await ask(url, { path: `/dashboard/assets/${path}` });
      expect(status, path).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain('"name": "orch"');
    }
  });

  it("may be linked to from anywhere; what it asks for may not", async () => {
    const { url } = await openBrowser(home);
    const click = {
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
    };
    expect((await ask(url, { path: "/dashboard", headers: click })).status).toBe(200);
    expect((await ask(url, { path: "/dashboard", headers: { ...click, host: "evil.example" } })).status).toBe(
      403,
    );
    expect(
      (await ask(url, { path: "/dashboard", headers: { ...click, "sec-fetch-dest": "iframe" } })).status,
    ).toBe(403);
    expect((await ask(url, { path: "/dashboard/me", headers: click })).status).toBe(403);
    expect((await ask(url, { path: "/dashboard/login?token=x", headers: click })).status).toBe(403);
  });
});

describe("orch dashboard", () => {
  it("opens the browser of a display with a link for that user alone, and prints it where that fails", async () => {
    const opened = home.write("bin/xdg-open", `#!/bin/sh\nprintf '%s' "$1" > ${home.dir}/opened\n`, 0o755);
    const env = { DISPLAY: ":9", PATH: `${join(opened, "..")}:${home.env["PATH"]}` };
    const { code, stdout, stderr } = await home.orch(["dashboard"], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toMatch(/^the dashboard is in your browser: http:\/\/127\.0\.0\.1:\d+\/dashboard\n$/);
    const link = await until("it was opened", () => readFileSync(join(home.dir, "opened"), "utf8") || null);
    expect((await follow(link)).status, "by the same user").toBe(303);
    home.write("bin/xdg-open", "#!/bin/sh\nexit 3\n", 0o755);
    const failed = await home.orch(["dashboard"], { env });
    expect(failed.stdout).toMatch(/\/dashboard\/login\?token=[\w-]{43}\n$/);
    expect(failed.stderr).toContain("no browser could be opened here");
    expect((await home.orch(["dashboard", "--json"], { env })).stdout).toContain('"expiresAt"');
  });

  it("says what is missing: a gateway, or its port", async () => {
    await using other = createHome();
    await other.daemon();
    const off = await other.orch(["dashboard"]);
    expect(off.code).toBe(6);
    expect(off.stderr).toContain("the gateway is off, and the dashboard with it");
    expect(off.stderr).toContain("gateway: { listen: 127.0.0.1:7707 }");
    await using third = createHome();
    const { gateway } = await home.client.call("GET /keys", {});
    third.write("config.yaml", `gateway: { listen: "${new URL(gateway?.url ?? "").host}" }\n`);
    await third.daemon();
    const taken = await third.orch(["dashboard"]);
    expect(taken.code).toBe(6);
    expect(taken.stderr).toContain("EADDRINUSE");
  });
});
