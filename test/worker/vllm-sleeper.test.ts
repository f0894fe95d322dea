import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { must } from "../../src/std/assert.ts";
import type { Nap } from "../../src/worker/protocol.ts";
import { createVllmSleeper } from "../../src/worker/protocols/vllm-sleeper.ts";
import { createServiceConnection } from "../../src/worker/service-connection.ts";

// A server with vLLM's routes for sleep, which misbehaves on demand.

interface Fake {
  readonly url: string;
  readonly calls: string[];
  isSleeping: boolean;
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Trouble = "no routes" | "ignores it" | "hangs" | "fails" | "babbles";

async function startFake(trouble: Trouble | null = null): Promise<Fake> {
  const fake = { url: "", calls: [] as string[], isSleeping: false };
  server = createServer((request, response) => {
    const call = `${request.method} ${request.url}`;
    fake.calls.push(call);
    const answer = (status: number, body: string): void => void response.writeHead(status).end(body);
    if (trouble === "no routes") return answer(404, '{"detail":"Not Found"}');
    if (request.url === "/is_sleeping")
      return answer(200, trouble === "babbles" ? "yes" : JSON.stringify({ is_sleeping: fake.isSleeping }));
    if (trouble === "hangs") return;
    if (trouble === "fails") return answer(500, '{"error":{"message":"CUDA error"}}');
    if (call.startsWith("POST /sleep") && trouble !== "ignores it") fake.isSleeping = true;
    if (call === "POST /wake_up" && trouble !== "ignores it") fake.isSleeping = false;
    answer(200, "");
  });
  await new Promise<void>((resolve) => must(server, "a server").listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(fake, { url: `http://127.0.0.1:${port}` });
}

const nap: Nap = { level: 1, deadlineMs: 5_000 };

function sleeperOf(fake: Fake, onWoken = (): void => {}) {
  return createVllmSleeper(createServiceConnection(fake.url), onWoken);
}

describe("vLLM", () => {
  it("sleeps and wakes, once however often it is told", async () => {
    const fake = await startFake();
    let woken = 0;
    const sleeper = sleeperOf(fake, () => {
      woken += 1;
    });
    await sleeper.sleep(fake.url, nap);
    await sleeper.sleep(fake.url, nap);
    expect(fake.isSleeping).toBe(true);
    await sleeper.wake(fake.url, nap);
    await sleeper.wake(fake.url, nap);
    expect(fake.isSleeping).toBe(false);
    const moves = fake.calls.filter((call) => !call.includes("is_sleeping"));
    expect(moves).toEqual(["POST /sleep?level=1", "POST /wake_up"]);
    expect(woken).toBe(2);
  });

  it("reads its weights again after level 2", async () => {
    const fake = await startFake();
    const sleeper = sleeperOf(fake);
    await sleeper.sleep(fake.url, { ...nap, level: 2 });
    await sleeper.wake(fake.url, { ...nap, level: 2 });
    const moves = fake.calls.filter((call) => !call.includes("is_sleeping"));
    expect(moves).toEqual([
      "POST /sleep?level=2",
      "POST /wake_up",
      "POST /collective_rpc",
      "POST /reset_prefix_cache",
    ]);
  });

  it.each([
    ["no routes", "worker/no-sleep", /the server has no GET \/is_sleeping/],
    ["ignores it", "worker/failed", /the server says that it does not sleep/],
    ["hangs", "worker/failed", /did not fall asleep within 200ms|did not fall asleep within/],
    ["fails", "worker/failed", /refused POST \/sleep\?level=1.*500/],
    ["babbles", "worker/failed", /is not \{"is_sleeping"/],
  ] as const)("that %s is not taken to sleep", async (trouble, code, words) => {
    const fake = await startFake(trouble);
    const deadlineMs = trouble === "hangs" ? 200 : 5_000;
    const failure: unknown = await sleeperOf(fake)
      .sleep(fake.url, { ...nap, deadlineMs })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect((failure as { sentence: string }).sentence).toMatch(words);
  });

  it("that is not there is not taken to wake", async () => {
    const fake = await startFake();
    const sleeper = sleeperOf(fake);
    server?.close();
    server?.closeAllConnections();
    await expect(sleeper.wake(fake.url, nap)).rejects.toMatchObject({ code: "worker/failed" });
  });
});
