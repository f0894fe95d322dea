import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x24GiB", config: "cpuCores: 1\n" });
  addEchoRuntime(host, "red", { vram: "20GiB", leavesAfterMs: 200 });
  addEchoRuntime(host, "blue", { vram: "20GiB" });
});
afterAll(() => host[Symbol.asyncDispose]());

async function lifeOf(job: number): Promise<{ phase: string; text: string }[]> {
  const { life, submittedAt, finishedAt } = await host.client.call("GET /jobs/:job", { job });
  for (const [index, { from, to }] of life.entries()) {
    expect(from, "phases follow each other").toBe(index === 0 ? submittedAt : life[index - 1]?.to);
    expect(to === null ? "" : from <= to).not.toBe(false);
  }
  expect(life.at(-1)?.to).toBe(finishedAt);
  return life.map(({ phase, text }) => ({ phase, text }));
}

async function submit(
  runtime: string,
  params: Record<string, never> | object,
  options = {},
): Promise<number> {
  const job = { runtime, params: { text: "hi", ...params }, options };
  return (await host.client.call("POST /jobs", job)).id;
}

describe("a job's life", () => {
  test("tells the wait with who held the GPU, the switch, the start and the run", async () => {
    const first = await submit("red", { seconds: 0.3 });
    const second = await submit("blue", { seconds: 0.1 });
    await host.until(second, "succeeded");
    expect((await lifeOf(first)).map(({ phase }) => phase)).toEqual(["start", "run"]);
    const life = await lifeOf(second);
    expect(life.map(({ phase }) => phase)).toEqual(["queued", "switch", "start", "run"]);
    expect(life[0]?.text).toBe("GPU 0 was held by red-1");
    expect(life[1]?.text).toBe("red-1 made room");
    expect(life[2]?.text).toMatch(/^blue-2: .*load \d+ ms/);
    expect(life[3]?.text).toBe("blue-2: succeeded");
    const { stdout } = await host.cli("show", String(second));
    expect(stdout).toMatch(/^PHASE +WHEN +TOOK +WHY$/m);
    expect(stdout).toMatch(/^queued +█+·+ +\d.* GPU 0 was held by red-1$/m);
    expect(stdout).toMatch(/^run +·+█+ +\d.* blue-2: succeeded$/m);
  });

  test("tells of holds, of retries and of what goes on", async () => {
    const held = await host.sh("exit 3", { options: { hold: true, retries: 1, retryDelayMs: 50 } });
    expect(await lifeOf(held.id)).toEqual([
      { phase: "held", text: `held by a person; "orch release ${held.id}" lets it go` },
    ]);
    await until("it is held for a while", () => Date.now() - Date.parse(held.submittedAt) > 50);
    await host.client.call("POST /jobs/:job/release", { job: held.id });
    await host.until(held.id, "failed");
    const phases = await lifeOf(held.id);
    expect(phases.map(({ phase }) => phase).filter((phase) => phase !== "start")).toEqual([
      "held",
      "run",
      "retry",
      "run",
    ]);
    expect(phases.find(({ phase }) => phase === "retry")?.text).toMatch(/^is tried again in 0\.\d s: /);
    expect(phases.at(-1)?.text).toMatch(/^run-\d+: failed with exit code 3$/);
    const blocker = await host.sh("sleep 60");
    await host.until(blocker.id, "running");
    const after = await host.sh("true", { options: { after: [blocker.id] } });
    const queued = await host.sh("true");
    expect((await lifeOf(blocker.id)).at(-1)?.phase).toBe("run");
    expect(await lifeOf(queued.id)).toMatchObject(
      [{ phase: "queued", text: /CPU core/ }].map(({ phase }) => ({ phase })),
    );
    await host.client.call("POST /jobs/:job/cancel", { job: blocker.id });
    await host.until(after.id, "cancelled");
    expect(await lifeOf(after.id)).toMatchObject([{ text: "it was never started" }]);
  });
});
