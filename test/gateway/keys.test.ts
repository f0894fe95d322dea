import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { query, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { readEvents } from "./browser.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();

/** Every file below a folder, as bytes. */
function everyFile(dir: string): { path: string; bytes: Buffer }[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: readFileSync(path) }));
}

const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");
const logOf = (home: OrchHome): string => readFileSync(join(home.dir, "state", "daemon.log"), "utf8");

describe("keys of the gateway", () => {
  it("are what it waits for before it listens, and it says so; the last one that goes closes it", async () => {
    await using home = createHome();
    writeConfig(home);
    const daemon = await home.daemon();
    expect(daemon.stderr()).toContain(
      "warning: the gateway does not listen: there is no valid key; orch keys add --name NAME",
    );
    expect((await home.client.call("GET /keys", {})).gateway).toMatchObject({ url: null });
    const list = await home.orch(["keys"]);
    expect(list).toMatchObject({ code: 0, stdout: "" });
    expect(list.stderr).toContain("there is no valid key");
    const key = await makeKey(home, "first");
    const url = await urlOf(home);
    expect((await ask(url, { key })).status).toBe(200);
    expect((await home.orch(["keys", "rm", "first"])).stdout).toMatch(
      /^key first \([0-9a-f]{10}\) is revoked\n$/,
    );
    await expect(ask(url, { key })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("are shown once, on stdout; a digest is all that is kept of them", async () => {
    await using home = createHome();
    writeConfig(home);
    const daemon = await home.daemon();
    const made = await home.orch([
      "keys",
      "add",
      "--name",
      "ci",
      "--scope",
      "read",
      "--quota",
      "100/d",
      "-q",
    ]);
    const key = made.stdout.trim();
    expect(made.stdout).toMatch(/^orch_[0-9a-f]{10}_[A-Za-z0-9_-]{43}\n$/);
    expect(made.stderr, "nothing beside it").toBe("");
    const url = await urlOf(home);
    expect((await ask(url, { key, path: `/api/v1/jobs?token=${key}` })).status).toBe(400);
    expect((await ask(url, { key: `${key.slice(0, -1)}~` })).status).toBe(401);
    expect((await ask(url, { headers: { "x-api-key": key } })).status).toBe(200);
    await home.orch(["keys", "rm", key]);
    daemon.signal("SIGTERM");
    await daemon.ended;
    const secret = key.slice("orch_0123456789_".length);
    const files = everyFile(home.dir);
    expect(files.filter(({ bytes }) => bytes.includes(secret)).map(({ path }) => path)).toEqual([]);
    expect(files.filter(({ bytes }) => bytes.includes(key.slice(5, 15))).length, "the id is").toBeGreaterThan(
      0,
    );
    expect(daemon.stderr()).not.toContain(secret);
    expect(query(home, "SELECT name, length(digest) AS bytes FROM api_keys")).toEqual([
      { name: "ci", bytes: 32 },
    ]);
    const audit = logOf(home)
      .split("\n")
      .filter((line) => line.includes('"part":"gateway"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(audit.at(-1)).toMatchObject({
      ...{ route: "GET /jobs", keyId: key.slice(5, 15), method: "GET", status: 200, from: "127.0.0.1" },
      ...{ ms: expect.any(Number), correlation: expect.stringMatching(/^gw-/), user: expect.any(String) },
    });
    expect(audit.map(({ status, keyId }) => [status, keyId === null])).toEqual([
      [400, false],
      [401, true],
      [200, false],
    ]);
  });

  it("keep out of command lines", async () => {
    await using home = createHome();
    writeConfig(home);
    const daemon = await home.daemon();
    const key = await makeKey(home, "ci");
    expect(commandLine(daemon.pid)).not.toContain(key.slice(16));
    const { stdout } = await home.orch(["keys", "add", "--help"]);
    expect(stdout, "none can be given").not.toMatch(/--(key|secret)\b/);
  });

  it("are refused once they have expired, and once they are revoked, whoever still listens is cut off", async () => {
    await using home = createHome();
    writeConfig(home);
    await home.daemon();
    await makeKey(home, "stays");
    const brief = await makeKey(home, "brief", "--expires", "+2s");
    const gone = await makeKey(home, "gone");
    const url = await urlOf(home);
    expect((await ask(url, { key: brief })).status).toBe(200);
    const begun = await readEvents(url, "/api/v1/events", { "x-api-key": brief });
    expect(begun.status).toBe(200);
    const refused = await until("it has expired", async () => {
      const answer = await ask(url, { key: brief });
      return answer.status === 200 ? null : answer;
    });
    expect(refused).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="orch"', "content-type": "application/problem+json" },
      json: { code: "key/refused", detail: expect.stringMatching(/^key [0-9a-f]{10} has expired$/) },
    });
    await begun.ended;
    const stream = fetch(`${url}/api/v1/events?follow=true`, { headers: { "x-api-key": gone } });
    await home.orch(["run", "--", "true"]);
    const reader = (await stream).body?.getReader();
    expect((await reader?.read())?.done, "it streams").toBe(false);
    const readOn = async (): Promise<void> => {
      for (;;) if ((await reader?.read())?.done !== false) return;
    };
    const cut = expect(readOn()).rejects.toThrow("terminated");
    await home.orch(["keys", "rm", "gone"]);
    await cut;
    expect((await ask(url, { key: gone })).status).toBe(401);
    expect((await home.orch(["keys", "ls", "--filter", "state = expired", "-q"])).stdout.trim()).toBe(
      brief.slice(5, 15),
    );
  });

  it("are refused when they make no sense", async () => {
    await using home = createHome();
    await home.daemon();
    const key = await makeKey(home, "one");
    const wrong = async (...flags: string[]) => (await home.orch(["keys", "add", ...flags])).stderr;
    expect(await wrong("--name", "one")).toContain("error: there is a key one already");
    expect(await wrong("--name", "a b")).toContain("expected 1 to 63 letters");
    expect(await wrong("--name", "two", "--scope", "all")).toContain('unknown value "all"');
    expect(await wrong("--name", "two", "--runtime", "nowhere")).toContain("nowhere");
    expect(await wrong("--name", "two", "--rate", "10")).toContain("write it like 10/s");
    expect(await wrong("--name", "two", "--expires", "@1000000000")).toContain("would have expired already");
    expect(await wrong("--name", "two", "--user", "nobody-here")).toContain("serves one user");
    const unknown = await home.orch(["keys", "rm", `${key}x`]);
    expect(unknown).toMatchObject({ code: 5, stdout: "" });
    expect(unknown.stderr).not.toContain(key);
    expect((await home.orch(["keys"])).stderr).toContain("the gateway is off");
  });

  it("are made and removed while the scheduler writes something large", async () => {
    await using home = createHome();
    home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
    await home.daemon();
    const jobs = Array.from({ length: 10_000 }, () => ({ runtime: "note", options: { hold: true } }));
    let isOver = false;
    const batch = home.client.call("POST /jobs/batch", { jobs }).finally(() => {
      isOver = true;
    });
    let made = 0;
    while (!isOver) {
      await home.client.call("POST /keys", { name: `k${made}` });
      if (made % 2 === 1) await home.client.call("POST /keys/:key/remove", { key: `k${made}` });
      made += 1;
    }
    expect((await batch).ids).toHaveLength(10_000);
    expect(made, "both went on").toBeGreaterThan(1);
    const kept = query<{ name: string }>(home, "SELECT name FROM api_keys ORDER BY created_at, id");
    expect(kept.map(({ name }) => name).toSorted()).toEqual(
      Array.from({ length: Math.ceil(made / 2) }, (_, index) => `k${2 * index}`).toSorted(),
    );
  });

  it("note their last use, and what is left of their quota, over a restart", async () => {
    await using home = createHome();
    writeConfig(home);
    home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
    const daemon = await home.daemon();
    const key = await makeKey(home, "ci", "--quota", "1/d");
    const submit = { method: "POST", body: { runtime: "note" }, key };
    expect((await ask(await urlOf(home), submit)).status).toBe(200);
    daemon.signal("SIGTERM");
    expect(await daemon.ended).toBe(0);
    await home.daemon();
    const refused = await ask(await urlOf(home), submit);
    expect(refused).toMatchObject({ status: 429, json: { code: "quota/refused" } });
    const afterS = Number(refused.headers["retry-after"]);
    expect(afterS).toBeGreaterThan(86_000);
    expect(afterS).toBeLessThanOrEqual(86_400);
    const [kept] = (await home.client.call("GET /keys", {})).keys;
    expect(Date.now() - Date.parse(kept?.usedAt ?? "")).toBeLessThan(60_000);
  });
});
