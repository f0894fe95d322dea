import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { openBrowser } from "./browser.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
let home: OrchHome;
let url: string;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: [cat]\n");
  home.write(
    "runtimes/other/runtime.yaml",
    "name: other\nprotocol: exec\ncommand: [cat]\nparams: { text: { type: file } }\n",
  );
  await home.daemon();
  await makeKey(home, "opens");
  url = await urlOf(home);
});
afterAll(() => home[Symbol.asyncDispose]());

const line = "0 3 1 1 *";
const ofRuntime = (runtime: string) => ({ verb: "submit", submission: { runtime, params: {} } }) as const;
const ofCommand = { verb: "run", submission: { command: ["true"], cwd: "/" } } as const;
const post = (path: string, body: unknown, key: string) =>
  ask(url, { method: "POST", path: `/api/v1${path}`, body, key });

describe("schedules through the gateway", () => {
  it("are added by keys that may run commands alone, since they outlive the key", async () => {
    const may = await makeKey(home, "may", "--scope", "run");
    const mayNot = await makeKey(home, "may-not", "--scope", "submit,admin");
    expect(await post("/schedules", { line, name: "by-key", scheduled: ofCommand }, may)).toMatchObject({
      status: 200,
    });
    const refused = await post("/schedules", { line, scheduled: ofRuntime("note") }, mayNot);
    expect(refused).toMatchObject({ status: 403, json: { detail: expect.stringContaining("revoked") } });
    const reader = await makeKey(home, "reader", "--scope", "read");
    expect((await post("/schedules/by-key/remove", {}, reader)).status).toBe(403);
  });

  it("may be paused and removed by keys that submit, but what runs a command does not run again by them", async () => {
    await home.client.call("POST /schedules", { line, name: "shell", scheduled: ofCommand });
    await home.client.call("POST /schedules", { line, name: "model", scheduled: ofRuntime("note") });
    const key = await makeKey(home, "submits", "--scope", "submit", "--runtime", "note");
    expect((await post("/schedules/shell/pause", {}, key)).json).toMatchObject({ paused: true });
    for (const [verb, body] of [
      ["pause", { paused: false }],
      ["run-now", {}],
    ] as const) {
      expect((await post(`/schedules/shell/${verb}`, body, key)).status, verb).toBe(403);
      expect((await post(`/schedules/model/${verb}`, body, key)).status, verb).toBe(200);
    }
    expect((await post("/schedules/shell/remove", {}, key)).status).toBe(200);
    const elsewhere = await makeKey(home, "elsewhere", "--scope", "submit", "--runtime", "other");
    expect((await post("/schedules/model/run-now", {}, elsewhere)).status).toBe(403);
  });

  it("count against the quota of a key that has them run now", async () => {
    await home.client.call("POST /schedules", { line, name: "counted", scheduled: ofRuntime("note") });
    const key = await makeKey(home, "few", "--scope", "submit", "--quota", "1/d");
    expect((await post("/schedules/counted/run-now", {}, key)).status).toBe(200);
    expect((await post("/schedules/counted/run-now", {}, key)).status).toBe(429);
  });

  it("have no files that were sent, since those are kept for a job", async () => {
    const scheduled = { verb: "submit", submission: { runtime: "other", params: { text: "upload:u-1" } } };
    const refused = await (await openBrowser(home)).post("/api/v1/schedules", { line, scheduled });
    expect(refused).toMatchObject({
      status: 400,
      json: { title: 'param "text": a schedule cannot have a file that was sent' },
    });
  });

  it("of runtimes are added by a browser that its user let in, those of commands never", async () => {
    const browser = await openBrowser(home);
    const send = (body: unknown) => browser.post("/api/v1/schedules", body);
    const added = await send({ line, name: "by-browser", scheduled: ofRuntime("note") });
    expect(added).toMatchObject({ status: 200, json: { name: "by-browser", summary: "note" } });
    expect((await send({ line, scheduled: ofCommand })).status).toBe(403);
  });
});
