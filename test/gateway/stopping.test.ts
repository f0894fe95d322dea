import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runDetached, useOrch } from "../e2e/session.ts";
import { until } from "../kit/until.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();

it("a daemon that stops says at /readyz that it takes no more work, and answers on until its jobs have ended", async () => {
  await using home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  const daemon = await home.daemon();
  const key = await makeKey(home, "watcher");
  const url = await urlOf(home);
  const go = join(home.dir, "go");
  const job = await runDetached(home, "--", "sh", "-c", `until test -e ${go}; do sleep 0.05; done`);
  await until("the job runs", async () => {
    const { state } = await home.client.call("GET /jobs/:job", { job });
    return state === "running";
  });
  expect(await ask(url, { path: "/readyz" })).toMatchObject({ status: 200, text: "ok\n" });
  await home.client.call("POST /shutdown", { mode: "drain" });
  const ready = await until("it says so", async () => {
    const answer = await ask(url, { path: "/readyz" });
    return answer.status === 200 ? null : answer;
  });
  expect(ready).toMatchObject({ status: 503, text: "stopping\n" });
  expect((await ask(url, { path: "/healthz" })).status, "it is there").toBe(200);
  expect((await ask(url, { path: `/api/v1/jobs/${job}`, key })).json).toMatchObject({ state: "running" });
  const late = await ask(url, { method: "POST", path: "/api/v1/jobs", key, body: { runtime: "note" } });
  expect(late).toMatchObject({ status: 503, json: { code: "daemon/stopping" } });
  writeFileSync(go, "");
  await daemon.ended;
  await expect(ask(url, { path: "/healthz" })).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
});
