import { expect, it } from "vitest";
import { ask } from "../gateway/door.ts";
import { startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";
import { documentOf } from "./mloc/mloc-home.ts";

it("older systems are found below a prefix of the gateway's own port, by keys of orch and as far as these allow", async () => {
  await using host = await startHost({
    config:
      "gateway:\n  listen: 127.0.0.1:0\n  compat: { mloc: { prefix: /tasks }, router: { prefix: /route } }\n",
  });
  const keyOf = async (name: string, ...flags: string[]): Promise<string> =>
    (await host.cli("keys", "add", "--name", name, "-q", ...flags)).stdout.trim();
  const key = await keyOf("all");
  const reader = await keyOf("reader", "--scope", "read");
  const url = await until(
    "the gateway listens",
    async () => (await host.client.call("GET /keys", {})).gateway?.url,
  );
  expect((await ask(url, { path: "/tasks/healthz" })).text).toBe('{"ok":true}');
  expect((await ask(url, { path: "/healthz" })).text, "the gateway's own").toBe("ok\n");
  const self = `  output: { destination: { type: http, url: "http://localhost:8000/api/v1/results" } }\n`;
  const document = { path: "/tasks/api/v1/tasks", method: "POST", body: { yaml: documentOf("echo", self) } };
  expect((await ask(url, document)).status).toBe(401);
  const refused = await ask(url, { ...document, key: reader });
  expect([refused.status, typeof refused.json["detail"]]).toEqual([403, "string"]);
  const sent = await ask(url, { ...document, key });
  expect([sent.status, sent.text]).toEqual([200, sent.text]);
  const id = String(sent.json["task_id"]);
  await until(
    "it is done",
    async () => (await ask(url, { path: `/tasks/api/v1/results/${id}`, key })).status === 200,
  );
  expect((await ask(url, { path: `/api/v1/tasks/${id}`, key })).json).toMatchObject({ id, status: "done" });
  const pinned = await ask(url, {
    path: "/tasks/workers/orch/elastic",
    method: "POST",
    key,
    body: { enabled: false },
  });
  expect(pinned.status, "for admins").toBe(403);
  const routed = { path: "/route/api/submit-task", method: "POST", body: { taskType: "t" } };
  expect((await ask(url, { ...routed, key: reader })).status).toBe(403);
  expect((await ask(url, { ...routed, key })).json["status"]).toBe("success");
});
