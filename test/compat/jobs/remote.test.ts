import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import { ask, makeKey } from "../../gateway/door.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";
import { type AskJobs, askJobs, submitJob, untilEnded, writeJobs } from "./jobs-home.ts";

interface Seen {
  readonly headers: Record<string, unknown>;
  readonly body: { job_id: string; params: Record<string, unknown> };
  readonly response: ServerResponse;
  isGone: boolean;
}

const createHome = useOrch();
const seen: Seen[] = [];
let remote: Server;
let home: OrchHome;
let asked: AskJobs;
let endpoint: string;

/** An app that runs elsewhere. */
function serveRemote(): Promise<Server> {
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      const body = JSON.parse(text) as Seen["body"];
      const one: Seen = { headers: request.headers, body, response, isGone: false };
      seen.push(one);
      response.once("close", () => {
        one.isGone = true;
      });
      const { do: wish, size } = body.params;
      const answer = (status: number, document: unknown): void =>
        void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
      if (wish === "hang") return;
      if (wish === "refuse")
        return answer(200, { success: false, job_id: body.job_id, message: "no credit left" });
      if (wish === "break") return answer(503, { detail: "asleep" });
      const output = { image_base64: "a".repeat(Number(size ?? 4)), status: "ok" };
      answer(200, { success: true, job_id: body.job_id, output, message: "done" });
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

beforeAll(async () => {
  remote = await serveRemote();
  endpoint = `http://127.0.0.1:${(remote.address() as AddressInfo).port}/run?x=1`;
  home = createHome();
  const apps = `apps:
  - { id: panorama-processor, name: Panorama, type: modal, endpoint: "${endpoint}", timeout_seconds: 30 }
  - { id: old-cloud, type: cloud, endpoint: "${endpoint}", timeout_seconds: 1 }
  - { id: nowhere, type: modal, endpoint: "http://127.0.0.1:1/" }
`;
  writeJobs(
    home,
    "        apps: { panorama-processor: { cost: { perSecond: 0, perJob: 0.25 } } }\n".slice(2),
    apps,
  );
  await home.daemon();
  asked = await askJobs(home);
});
afterAll(async () => {
  remote.closeAllConnections();
  remote.close();
  await home[Symbol.asyncDispose]();
});

describe("a remote app", () => {
  it("is asked in the background, with the job's id and what its client sent; its output is the result", async () => {
    const params = { operation: "outpaint", image_data: "aGk=", prompt: "more", guidance_scale: "7.5" };
    const id = await submitJob(asked, "panorama-processor", params);
    const { json, text } = await untilEnded(asked, id);
    expect(json).toMatchObject({
      status: "COMPLETED",
      result: { image_base64: "aaaa", result_status: "ok" },
    });
    expect(text.match(/"status":"/g)).toHaveLength(1);
    const [call] = seen.filter(({ body }) => body.job_id === id);
    expect(call?.body).toEqual({ job_id: id, params });
    expect(call?.headers).toMatchObject({ "x-job-id": id, "x-app-id": "panorama-processor" });
    const { jobs } = (await asked("/admin/jobs?app_id=panorama-processor")).json as { jobs: object[] };
    expect(jobs[0]).toMatchObject({ cost_estimate: 0.25 });
  });

  it.each([
    [{ do: "refuse" }, "no credit left"],
    [{ do: "break" }, "the app answered 503: asleep"],
  ])("that answers %j has failed: %s", async (params, error) => {
    const { json } = await untilEnded(asked, await submitJob(asked, "panorama-processor", params));
    expect(json).toMatchObject({ status: "FAILED", error_log: expect.stringContaining(error) });
  });

  it("that cannot be reached, or takes too long, has failed", async () => {
    const lost = await untilEnded(asked, await submitJob(asked, "nowhere", {}));
    expect(lost.json).toMatchObject({
      status: "FAILED",
      error_log: expect.stringContaining("cannot be reached"),
    });
    const late = await untilEnded(asked, await submitJob(asked, "old-cloud", { do: "hang" }));
    expect(late.json).toMatchObject({ status: "FAILED", error_log: expect.any(String) });
  });

  it("takes and gives pictures of several megabytes", async () => {
    const image_data = "b".repeat(3 * 2 ** 20);
    const id = await submitJob(asked, "panorama-processor", { image_data, size: 3 * 2 ** 20 });
    const { json } = await untilEnded(asked, id);
    expect((json["result"] as { image_base64: string }).image_base64).toHaveLength(3 * 2 ** 20);
    expect(seen.find(({ body }) => body.job_id === id)?.body.params["image_data"]).toBe(image_data);
  });

  it("is let go at once when its job is cancelled", async () => {
    const id = await submitJob(asked, "panorama-processor", { do: "hang" });
    const call = await until("it is asked", () => seen.find(({ body }) => body.job_id === id));
    expect((await asked(`/admin/jobs/${id}/cancel`, { method: "POST" })).json).toMatchObject({
      success: true,
    });
    await until("its connection is closed", () => call.isGone);
    expect((await asked(`/status/${id}`)).json).toMatchObject({
      status: "FAILED",
      error_log: "Cancelled by admin",
    });
  });

  it("has its address from the admin alone: a key cannot name another", async () => {
    const key = await makeKey(home, "narrow", "--scope", "submit");
    const { gateway } = await home.client.call("GET /keys", {});
    const url = await until(
      "the gateway listens",
      async () => (await home.client.call("GET /keys", {})).gateway?.url ?? null,
    );
    const body = { runtime: "remote-app", params: { endpoint: "http://169.254.169.254/" } };
    const answer = await ask(url, { method: "POST", path: "/api/v1/jobs", key, body });
    expect(answer).toMatchObject({ status: 400, json: { code: "param/invalid" } });
    const other = gateway?.others[0]?.url ?? "";
    const submit = { app_id: "panorama-processor", params: { endpoint: "http://169.254.169.254/" } };
    const own = await ask(other, { method: "POST", path: "/submit", key, body: submit });
    expect((await untilEnded(asked, String(own.json["job_id"]))).json).toMatchObject({ status: "COMPLETED" });
  });
});

it("the files of parameters lie where only the daemon's user may look", async () => {
  const { readdirSync, statSync } = await import("node:fs");
  const dir = join(home.dir, "state", "inputs");
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  const own = join(dir, String(process.getuid?.()));
  const [file = ""] = readdirSync(own);
  expect(statSync(join(own, file)).mode & 0o777).toBe(0o600);
});
