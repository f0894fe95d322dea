import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ config: "cpuCores: 2\n" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

const total = async (): Promise<number> => (await host.client.call("GET /jobs", { limit: 1 })).total;
const run = (idempotencyKey: string, command: readonly string[] = ["true"], options = {}) =>
  host.client.call("POST /jobs/run", { command, cwd: "/", idempotencyKey, options });

describe("a request with an idempotency key", () => {
  test("counts once, however many are sent at the same time", async () => {
    const before = await total();
    const jobs = await Promise.all(Array.from({ length: 50 }, () => run("once")));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(jobs.filter(({ isRepeat }) => isRepeat !== true)).toHaveLength(1);
    expect(await total()).toBe(before + 1);
  });

  test("counts once across a crash of the daemon [fault 47]", async () => {
    const sent = run("crash", ["sleep", "0"], { hold: true }).catch(() => null);
    await Promise.all([sent, host.kill()]);
    await host.start();
    const after = await run("crash", ["sleep", "0"], { hold: true });
    const again = await run("crash", ["sleep", "0"], { hold: true });
    expect(again).toMatchObject({ id: after.id, isRepeat: true });
    const held = await host.client.call("GET /jobs", { states: ["held"] });
    expect(held.jobs.filter(({ summary }) => summary === "sleep 0")).toHaveLength(1);
  });

  test("is refused when something else was sent with it", async () => {
    const { id } = await run("mine");
    const failure = await refusal("idempotency/conflict", run("mine", ["false"]));
    expect(failure).toMatchObject({
      message: 'the idempotency key "mine" was used for something else',
      hint: expect.stringContaining(`orch show ${id}`),
    });
    await refusal("idempotency/conflict", run("mine", ["true"], { priority: 1 }));
    const both = [run("race", ["true"]), run("race", ["false"])];
    const settled = await Promise.allSettled(both);
    expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("does not compare times, which are often counted from now, nor the environment", async () => {
    const hour = 3_600_000;
    const first = await run("times", ["true"], { begin: Date.now() + hour, deadline: Date.now() + 2 * hour });
    const again = await run("times", ["true"], { begin: Date.now() + 2 * hour });
    expect(again).toMatchObject({ id: first.id, isRepeat: true });
  });

  test("answers with the job as it is now, also when it could not be queued any more", async () => {
    const { id: failed } = await host.sh("false");
    const key = "after";
    const first = await run(key, ["true"], { afterAny: [failed], label: "x" });
    await host.until(first.id, "succeeded");
    expect(await run(key, ["true"], { afterAny: [failed], label: "x" })).toMatchObject({
      id: first.id,
      state: "succeeded",
    });
  });

  test("that was refused leaves the key free", async () => {
    await refusal("dependency/unknown", run("free", ["true"], { after: [99_999] }));
    expect((await run("free")).isRepeat).toBeUndefined();
  });

  test("may be an array or a batch", async () => {
    const array = { command: ["true"], cwd: "/", array: "0-9", idempotencyKey: "array" };
    const first = await host.client.call("POST /jobs/run-array", array);
    expect(await host.client.call("POST /jobs/run-array", array)).toEqual({ ...first, isRepeat: true });
    const jobs = [1, 2].map(() => ({ runtime: "echo", params: { text: "x" } }));
    const batch = { jobs, idempotencyKey: "batch" };
    const { ids } = await host.client.call("POST /jobs/batch", batch);
    expect(await host.client.call("POST /jobs/batch", batch)).toEqual({ ids, isRepeat: true });
  });

  test("on the command line says so on stderr, and exits with 0", async () => {
    const args = ["run", "-q", "-d", "--idempotency-key", "cli", "--", "true"];
    const first = await host.cli(...args);
    const again = await host.cli(...args);
    expect([again.code, again.stdout]).toEqual([0, first.stdout]);
    expect([first.stderr, again.stderr]).toEqual(["", expect.stringContaining("nothing new was queued")]);
    const other = await host.cli(...args.with(-1, "false"));
    expect([other.code, other.stderr]).toEqual([6, expect.stringContaining("used for something else")]);
  });
});
