import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import { ask, makeKey, urlOf } from "../../gateway/door.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { type AskBalancer, askBalancer, infer, writeBalancer, writeHandler } from "./lb-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskBalancer;
const REFUSED = { detail: "Invalid or missing API key. Please provide a valid X-API-Key header." };
const write = (keys: object | string): void => {
  home.write("api_keys.json", typeof keys === "string" ? keys : JSON.stringify(keys));
};
const tryKey = async (key?: string) =>
  infer(
    asked,
    "gemma3",
    { input: "hi" },
    { "x-request-id": "k", ...(key === undefined ? {} : { "x-api-key": key }) },
  );

beforeAll(async () => {
  home = createHome();
  writeHandler(home, "gemma3", "  prompt: { type: string }\n", `        return params["prompt"]`);
  write({
    valid_keys: ["first-key"],
    require_auth_for_external: true,
    local_networks: ["10.0.0.0/8", "::1"],
  });
  writeBalancer(home, `      apiKeys: ${join(home.dir, "api_keys.json")}\n      open: true\n`);
  await home.daemon();
  asked = await askBalancer(home);
});
afterAll(() => home[Symbol.asyncDispose]());

describe("api_keys.json", () => {
  it("lets in its keys alone; the others are told so, with their id", async () => {
    expect(await tryKey("first-key")).toMatchObject({ status: 200, json: { response: "hi" } });
    for (const key of [undefined, "second-key", "first-key-and-more", "first-ke"]) {
      const answer = await tryKey(key);
      expect(answer, String(key)).toMatchObject({ status: 401, json: REFUSED });
      expect(answer.headers["x-request-id"]).toBe("k");
    }
  });

  it("guards /infer alone", async () => {
    for (const path of ["/", "/status", "/metrics", "/logs", "/logs_json", "/dashboard"])
      expect((await asked(path)).status, path).toBe(200);
  });

  it("counts as it is now: a key that is added or taken away does at once", async () => {
    write({ valid_keys: ["second-key"], require_auth_for_external: true, local_networks: [] });
    expect((await tryKey("second-key")).status).toBe(200);
    expect((await tryKey("first-key")).status).toBe(401);
  });

  it.each([
    [{ valid_keys: [], require_auth_for_external: true, local_networks: ["localhost"] }, 200],
    [{ valid_keys: [], require_auth_for_external: true, local_networks: ["127.0.0.0/8"] }, 200],
    [{ valid_keys: [], require_auth_for_external: true, local_networks: ["127.0.0.1"] }, 200],
    [{ valid_keys: [], require_auth_for_external: true, local_networks: ["192.168.0.0/16"] }, 401],
    [{ valid_keys: ["x"], require_auth_for_external: false }, 200],
    ["{ no json", 401],
    [{ valid_keys: "all" }, 401],
    [{ valid_keys: ["x"], require_auth_for_external: true, local_networks: ["127.0.0.1/99"] }, 401],
    [{ valid_keys: ["x"], require_auth_for_external: true, local_networks: ["example.org"] }, 401],
  ])("%j answers a caller of this host without a key with %i", async (keys, status) => {
    write(keys);
    expect((await tryKey()).status).toBe(status);
  });

  it("that is broken refuses every key, and no key is ever logged", async () => {
    write({ valid_keys: ["first-key"], require_auth_for_external: true });
    expect((await tryKey("first-key")).status).toBe(200);
    write('{ "valid_keys": ["first-key"]');
    expect((await tryKey("first-key")).status).toBe(401);
    const log = readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
    expect(log).toContain("api_keys.json cannot be read: nobody is let in");
    const own = readFileSync(join(home.dir, "state", "load-balancer", "load_balancer.jsonl"), "utf8");
    for (const key of ["first-key", "second-key"]) expect(log + own).not.toContain(key);
  });

  it("that is gone leaves it to the config: this door is open, and orch's own keys are taken", async () => {
    rmSync(join(home.dir, "api_keys.json"));
    expect((await tryKey()).status).toBe(200);
    const key = await makeKey(home, "balanced", "--scope", "submit");
    expect((await tryKey(key)).status).toBe(200);
    expect(await tryKey("orch_0000000000_wrong")).toMatchObject({ status: 401, json: REFUSED });
  });
});

describe("below a prefix of the gateway's own door", () => {
  it("what people asked is for keys alone; the rest is open as it was", async () => {
    await using other = createHome();
    writeHandler(other, "gemma3", "  prompt: { type: string }\n", `        return params["prompt"]`);
    other.write(
      "config.yaml",
      "gateway:\n  listen: 127.0.0.1:0\n  compat:\n    load-balancer: { prefix: /lb }\n",
    );
    await other.daemon();
    const key = await makeKey(other, "reader", "--scope", "read,submit");
    const url = await urlOf(other);
    for (const path of ["/lb/", "/lb/status", "/lb/metrics", "/lb/dashboard"])
      expect((await ask(url, { path })).status, path).toBe(200);
    for (const path of ["/lb/logs", "/lb/logs_json"]) {
      expect(await ask(url, { path }), path).toMatchObject({ status: 401, json: REFUSED });
      expect((await ask(url, { path, key })).status, path).toBe(200);
    }
    const body = { model_name: "gemma3", request_body: { input: "hi" } };
    const asking = { method: "POST", path: "/lb/infer", body };
    expect((await ask(url, asking)).status).toBe(401);
    expect((await ask(url, { ...asking, headers: { "x-api-key": key } })).json["response"]).toBe("hi");
  });
});
