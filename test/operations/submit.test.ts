import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

describe("submit", () => {
  test("a job of a resident runtime runs to its end, with output, artifact and log", async () => {
    const job = await host.client.call("POST /jobs", {
      runtime: "echo",
      params: { text: "hello", save: true },
      options: { label: "first" },
    });
    expect(job).toMatchObject({ runtime: "echo", summary: "hello", label: "first", priority: 0 });
    const done = await host.until(job.id, "succeeded");
    expect(done.artifacts).toMatchObject([{ name: "said.txt", bytes: 5, type: "text/plain" }]);
    expect(readFileSync(done.artifacts[0]?.path ?? "", "utf8")).toBe("hello");
    const detail = await host.client.call("GET /jobs/:job", { job: job.id });
    expect(detail.output).toEqual({ text: "hello", voice: "" });
    expect(readFileSync(detail.logPath, "utf8")).toContain("hears hello");
    const again = await host.client.call("POST /jobs", { runtime: "echo", params: { text: "again" } });
    const second = await host.until(again.id, "succeeded");
    expect(second.worker, "the resident worker serves both").toBe(done.worker);
  });
});
