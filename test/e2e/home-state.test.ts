import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x24GiB" });
  addEchoRuntime(host, "burst", { vram: "20GiB" });
});
afterAll(() => host[Symbol.asyncDispose]());

const handler = `from orch_sdk import serve

class Handler:
    def run(self, params, ctx):
        return "home"

serve(Handler())
`;

function addHome(min: number): void {
  host.addRuntime(
    "resident",
    `name: resident
protocol: orch
command: [python3, handler.py]
gpu: { count: 1, vram: 20GiB }
replicas: { min: ${min} }
keepAlive: 1s
timeouts: { ready: 30s, stop: 5s }
params:
  voice: { type: string, default: low, load: true }
`,
    { "handler.py": handler },
  );
}

const names = async (): Promise<string[]> => {
  const { workers } = await host.client.call("GET /workers", {});
  return workers.filter(({ state }) => state === "ready").map(({ runtime }) => runtime);
};

const untilReady = (runtime: string): Promise<string[]> =>
  until(`${runtime} is ready`, async () => {
    const ready = await names();
    return ready.includes(runtime) ? ready : null;
  });

async function burst(): Promise<void> {
  const { id } = await host.client.call("POST /jobs", { runtime: "burst", params: { text: "now" } });
  await host.until(id, "succeeded");
}

describe("a runtime with replicas.min", () => {
  it("has its worker once its file says so, gives way to a burst, and comes back after it", async () => {
    addHome(1);
    await untilReady("resident");
    await burst();
    await untilReady("resident");
    const { stdout } = await host.cli("runtimes", "show", "resident");
    expect(stdout).toMatch(/^workers +1, 0 jobs queued, 1 kept while there is room$/m);
    expect(stdout).toMatch(/^start +\d.*s$/m);
    expect(stdout).toMatch(/^switch cost +\d.*s$/m);
  });

  it("keeps none for load params that somebody chose", async () => {
    const job = await host.client.call("POST /jobs", { runtime: "resident", params: { voice: "high" } });
    await host.until(job.id, "succeeded");
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "resident" });
    expect(lanes.map(({ lane, home }) => [lane, home])).toEqual([
      ["resident?voice=high", 0],
      ["resident?voice=low", 1],
    ]);
    await untilReady("resident");
  });

  it("has its worker back after the daemon was killed", async () => {
    await host.kill();
    await host.start();
    await untilReady("resident");
  });

  it("keeps none any more once its file says so", async () => {
    addHome(0);
    await until("its worker is gone", async () => (await names()).length === 0);
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "resident" });
    expect(lanes.map(({ home }) => home)).toEqual([0, 0]);
  });
});

describe("orch workers preload", () => {
  it("loads a runtime where nobody waits, and names the worker that is there already", async () => {
    // The memory of the worker before it is a stranger's until the next look at the GPU.
    const stdout = await until("there is room for it", async () => {
      const asked = await host.cli("workers", "preload", "burst", "-q");
      expect(asked.code).toBe(0);
      return asked.stdout !== "" && asked.stdout;
    });
    expect(stdout).toMatch(/^burst-\d+\n$/);
    await untilReady("burst");
    const again = await host.client.call("POST /workers/preload", { runtime: "burst", params: {} });
    expect(again).toMatchObject({ until: null, worker: { name: stdout.trim() } });
  });

  it("waits while the GPU is in use, and says so", async () => {
    const { id } = await host.client.call("POST /jobs", {
      runtime: "burst",
      params: { text: "long", seconds: 60 },
    });
    await host.until(id, "running");
    const { stdout } = await host.cli("workers", "preload", "resident");
    expect(stdout).toMatch(
      /^resident\?voice=low is loaded once nobody waits for a GPU; the hint is forgotten at 20/,
    );
    expect(await names()).toEqual([]);
    await host.client.call("POST /jobs/:job/cancel", { job: id });
    await untilReady("resident");
  });
});
