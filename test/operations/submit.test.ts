import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
  addEchoRuntime(host, "echo");
  addEchoRuntime(host, "huge", { vram: "48GiB" });
  addEchoRuntime(host, "wide", { gpus: 3 });
});
afterAll(() => host[Symbol.asyncDispose]());

const total = async (): Promise<number> => (await host.client.call("GET /jobs", {})).total;

describe("submit", () => {
  test("a job of a resident runtime runs to its end, with output, artifact and log", async () => {
    const job = await host.client.call("POST /jobs", {
      runtime: "echo",
      params: { text: "hello", save: true },
      options: { label: "first", priority: 5 },
    });
    expect(job).toMatchObject({ runtime: "echo", summary: "hello", label: "first", priority: 5 });
    const done = await host.until(job.id, "succeeded");
    expect(done.artifacts).toMatchObject([{ name: "said.txt", bytes: 5, type: "text/plain" }]);
    expect(readFileSync(done.artifacts[0]?.path ?? "", "utf8")).toBe("hello");
    const detail = await host.client.call("GET /jobs/:job", { job: job.id });
    expect(detail.output).toEqual({ text: "hello", voice: "" });
    expect(detail.params).toMatchObject({ text: "hello", save: true, seconds: 0 });
    expect(detail.history).toMatchObject([{ attempt: 1, outcome: "succeeded" }]);
    expect(detail.timeline[0]).toMatchObject({ type: "job-submitted", job: job.id });
    expect(readFileSync(detail.logPath, "utf8")).toContain("hears hello");
    const again = await host.client.call("POST /jobs", { runtime: "echo", params: { text: "again" } });
    const second = await host.until(again.id, "succeeded");
    expect(second.worker, "the resident worker serves both").toBe(done.worker);
  });

  test("a job that fails says why", async () => {
    const job = await host.client.call("POST /jobs", { runtime: "echo", params: { text: "x", fail: true } });
    const done = await host.until(job.id, "failed");
    expect(done.reason).toMatchObject({ code: "failed", text: expect.stringContaining("told to fail") });
    expect(done.exitCode).toBe(1);
  });

  test("a worker that cannot load is given up, with its reason, and nothing else is harmed", async () => {
    const params = { text: "x", voice: "broken" };
    const job = await host.client.call("POST /jobs", { runtime: "echo", params });
    const done = await host.until(job.id, "failed");
    expect(done.reason).toMatchObject({
      code: "start-failed",
      text: expect.stringContaining("the voice is broken"),
    });
  });

  test("is refused before it is stored: unknown runtime, wrong params", async () => {
    const before = await total();
    const unknown = await refusal("runtime/unknown", host.client.call("POST /jobs", { runtime: "ecco" }));
    expect(unknown.message).toContain('"ecco"');
    const submit = (params: Record<string, string | number>) =>
      host.client.call("POST /jobs", { runtime: "echo", params });
    expect((await refusal("param/missing", submit({}))).message).toContain("text");
    expect((await refusal("param/unknown", submit({ text: "a", txt: "b" }))).message).toContain("txt");
    expect((await refusal("param/invalid", submit({ text: "a", seconds: -1 }))).message).toContain("seconds");
    expect(await total()).toBe(before);
  });

  test("what no GPU of this host can hold is refused, with what the host has", async () => {
    const huge = await refusal(
      "gpu/too-large",
      host.client.call("POST /jobs", { runtime: "huge", params: { text: "x" } }),
    );
    expect(huge.message).toMatch(
      /needs 48 GiB on one GPU; this host has GPU 0 with 24 GiB, GPU 1 with 24 GiB$/,
    );
    expect(huge.hint).toBe("orch gpus");
    const wide = await refusal(
      "gpu/too-many",
      host.client.call("POST /jobs", { runtime: "wide", params: { text: "x" } }),
    );
    expect(wide.message).toMatch(/needs 3 GPUs; this host has GPU 0 with 24 GiB, GPU 1 with 24 GiB/);
    const more = { text: "x" };
    await refusal(
      "gpu/too-large",
      host.client.call("POST /jobs", { runtime: "echo", params: more, options: { vramBytes: 2 ** 40 } }),
    );
  });
});

describe("a runtime in a container", () => {
  test("shows in its dry run what would be run", async () => {
    const submission = { runtime: "sdxl", params: { prompt: "a cat" } };
    const dry = await host.client.call("POST /jobs/dry-run", submission);
    expect(dry).toMatchObject({ runtime: "sdxl", fits: true, params: { prompt: "a cat" } });
    expect(dry.command.join(" ")).toMatch(
      /(docker|podman)( \S+)* run .*--label io\.orch\.runtime=sdxl .* orch\/sdxl/,
    );
  });
});

describe("dry-run", () => {
  test("says lease, place and command, and stores nothing", async () => {
    const before = await total();
    const dry = await host.client.call("POST /jobs/dry-run", { runtime: "echo", params: { text: "a" } });
    expect(dry.lease).toEqual({ gpus: 1, mode: "exclusive", vramBytes: 8 * 2 ** 30 });
    expect(dry.placement).toMatch(/^on /);
    expect(dry.command).toEqual(["python3", "handler.py"]);
    expect(dry.env).toMatchObject({ ORCH_RUNTIME: "echo" });
    const huge = await host.client.call("POST /jobs/dry-run", { runtime: "huge", params: { text: "a" } });
    expect(huge).toMatchObject({ fits: false, placement: expect.stringContaining("needs 48 GiB") });
    await refusal("param/missing", host.client.call("POST /jobs/dry-run", { runtime: "echo" }));
    expect(await total()).toBe(before);
  });
});

describe("submit-batch", () => {
  const good = { runtime: "echo", params: { text: "one of many" }, options: { hold: true } };

  test("takes all, in order", async () => {
    const { ids } = await host.client.call("POST /jobs/batch", { jobs: [good, good, good] });
    expect(ids).toEqual([ids[0], (ids[0] ?? 0) + 1, (ids[0] ?? 0) + 2]);
    for (const id of ids) expect((await host.client.call("GET /jobs/:job", { job: id })).state).toBe("held");
  });

  test("or none, and names the one that is wrong", async () => {
    const before = await total();
    const bad = [
      ["param/missing", { runtime: "echo", params: {} }],
      ["runtime/unknown", { runtime: "nope", params: {} }],
      ["gpu/too-large", { runtime: "huge", params: { text: "x" } }],
      ["dependency/unknown", { ...good, options: { after: [99_999] } }],
    ] as const;
    for (const [code, job] of bad) {
      const failure = await refusal(code, host.client.call("POST /jobs/batch", { jobs: [good, job, good] }));
      expect(failure.message, code).toMatch(/^job 2 of the batch: /);
    }
    await refusal("request/malformed", host.client.call("POST /jobs/batch", { jobs: [] }));
    expect(await total()).toBe(before);
  });
});

describe("a job after another", () => {
  test("waits for its success", async () => {
    const first = await host.sh("true", { options: { hold: true } });
    const second = await host.sh("true", { options: { after: [first.id] } });
    expect(second).toMatchObject({ state: "held", reason: { code: "dependency" } });
    expect(second.reason?.text).toContain(String(first.id));
    await host.client.call("POST /jobs/:job/cancel", { job: first.id });
    const done = await host.until(second.id, "cancelled", "failed");
    expect(done.reason?.text).toContain(String(first.id));
    const third = await host.sh("true");
    const fourth = await host.sh("true", { options: { after: [third.id] } });
    await host.until(fourth.id, "succeeded");
  });

  test("is refused when that is unknown, or has failed", async () => {
    const unknown = await refusal("dependency/unknown", host.sh("true", { options: { after: [4711] } }));
    expect(unknown.message).toContain("4711");
    const failing = await host.sh("exit 3");
    await host.until(failing.id, "failed");
    const failed = await refusal("dependency/failed", host.sh("true", { options: { after: [failing.id] } }));
    expect(failed).toMatchObject({
      message: `job ${failing.id}, which it should wait for, failed`,
      hint: `orch retry ${failing.id}`,
    });
  });
});
