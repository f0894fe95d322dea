import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

// Virtual GPUs whose programs say what they hold: declarations meet what is really there.

const GIB = 2 ** 30;
const HANDLER = `
import os, time
from orch_sdk import serve

class OutOfMemoryError(RuntimeError):
    pass

class Handler:
    def load(self, params):
        gpu = os.environ["CUDA_VISIBLE_DEVICES"].rsplit("-", 1)[-1]
        with open(os.path.join(os.environ["HELD"], f"{gpu}-{os.getpid()}"), "w") as file:
            file.write(os.environ["HOLDS"])
        self.need("LOAD_NEEDS")

    def run(self, params, ctx):
        self.need("RUN_NEEDS")
        time.sleep(params["seconds"])
        return int(os.environ["ORCH_VRAM_BYTES"])

    def need(self, name):
        wanted = int(os.environ.get(name, "0"))
        if int(os.environ["ORCH_VRAM_BYTES"]) < wanted:
            raise OutOfMemoryError(f"CUDA out of memory. Tried to allocate {wanted} bytes")

serve(Handler())
`;

interface Fake {
  readonly declares: string;
  readonly holds?: string;
  readonly runNeeds?: number;
  readonly loadNeeds?: number;
  readonly replicas?: number;
}

let held: string;
let host: Host;
beforeAll(async () => {
  held = mkdtempSync(join(tmpdir(), "orch-held-"));
  host = await startHost({ gpus: `virtual:1x24GiB,held=${held}`, config: "vramReserve: 0\n" });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  rmSync(held, { recursive: true, force: true });
});

function addFake(name: string, fake: Fake): void {
  const { declares, holds = "1GiB", runNeeds = 0, loadNeeds = 0, replicas = 1 } = fake;
  host.addRuntime(
    name,
    `name: ${name}
protocol: orch
command: [python3, handler.py]
gpu: { count: 1, vram: ${declares}, mode: shared }
replicas: { max: ${replicas} }
timeouts: { ready: 30s, stop: 5s }
env: { HELD: "${held}", HOLDS: "${holds}", RUN_NEEDS: "${runNeeds}", LOAD_NEEDS: "${loadNeeds}" }
params:
  seconds: { type: number, default: 0 }
`,
    { "handler.py": HANDLER },
  );
}

const submit = async (runtime: string, seconds = 0): Promise<number> =>
  (await host.client.call("POST /jobs", { runtime, params: { seconds } })).id;

async function serve(runtime: string): Promise<number> {
  const { id } = await host.until(await submit(runtime), "succeeded");
  return Number((await host.client.call("GET /jobs/:job", { job: id })).output) / GIB;
}

async function stopAll(): Promise<void> {
  const { workers } = await host.client.call("GET /workers", {});
  for (const { name } of workers)
    await host.client.call("POST /workers/:worker/stop", { worker: name, force: true });
  await until(
    "no worker is left",
    async () => (await host.client.call("GET /workers", {})).workers.length === 0,
  );
}

async function vramOf(runtime: string) {
  const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime });
  return lanes[0]?.vram ?? null;
}

describe("a runtime that declares too much", () => {
  it("gets what it was seen to hold after three jobs, and two of its workers fit side by side", async () => {
    addFake("modest", { declares: "20GiB", holds: "6GiB", replicas: 2 });
    expect(await serve("modest")).toBe(20);
    await serve("modest");
    await serve("modest");
    await until("its memory is measured", async () => (await vramOf("modest"))?.peakBytes === 6 * GIB);
    expect((await vramOf("modest"))?.nextLeaseBytes).toBe(Math.ceil(6.6 * GIB));
    await stopAll();
    const jobs = [];
    for (let count = 0; count < 40; count++) jobs.push(await submit("modest", 0.2));
    const leases = await until("two run side by side", async () => {
      const { gpus } = await host.client.call("GET /gpus", {});
      return gpus[0]?.leases.length === 2 ? gpus[0].leases : null;
    });
    expect(leases.map(({ vramBytes }) => vramBytes)).toEqual([Math.ceil(6.6 * GIB), Math.ceil(6.6 * GIB)]);
    for (const job of jobs) await host.client.call("POST /jobs/:job/cancel", { job });
    await stopAll();
  });
});

describe("a runtime that declares too little", () => {
  it("gets what it was seen to hold from its next worker on", async () => {
    addFake("greedy", { declares: "2GiB", holds: "9GiB" });
    expect(await serve("greedy")).toBe(2);
    await until("its memory is measured", async () => (await vramOf("greedy"))?.peakBytes === 9 * GIB);
    await stopAll();
    expect(await serve("greedy")).toBeCloseTo(9.9, 3);
    const { stdout } = await host.cli("runtimes", "show", "greedy");
    expect(stdout).toMatch(/^vram +2 GiB declared, 9 GiB measured, next lease 9\.9 GiB$/m);
    await stopAll();
  });

  it("whose job runs out of memory has it run once more with a larger lease", async () => {
    addFake("tight", { declares: "4GiB", runNeeds: 5 * GIB });
    const job = await submit("tight");
    expect(await host.until(job, "succeeded")).toMatchObject({ attempts: 2 });
    const { output, history } = await host.client.call("GET /jobs/:job", { job });
    expect(output).toBe(6 * GIB);
    expect(history.map(({ outcome }) => outcome)).toEqual(["failed", "succeeded"]);
    const { stdout } = await host.cli("show", String(job));
    expect(stdout).toContain(
      `job ${job} ran out of GPU memory with a lease of 4 GiB; it is tried once more with 6 GiB`,
    );
    await stopAll();
  });

  it("whose worker runs out of memory while it loads is started at once with a larger lease", async () => {
    addFake("heavy", { declares: "4GiB", loadNeeds: 5 * GIB });
    expect(await serve("heavy")).toBe(6);
    const { stdout } = await host.cli("events");
    expect(stdout).toMatch(/heavy-\d+ ran out of GPU memory while it loaded with a lease of 4 GiB/);
    await stopAll();
  });

  it("forgets all of it when asked to", async () => {
    expect((await vramOf("tight"))?.floorBytes).toBe(6 * GIB);
    const { code, stdout } = await host.cli("runtimes", "forget", "tight");
    expect([code, stdout]).toEqual([0, "times and memory of tight are learned anew\n"]);
    expect(await vramOf("tight")).toMatchObject({
      peakBytes: null,
      floorBytes: null,
      nextLeaseBytes: 4 * GIB,
    });
  });
});

describe("a command that runs out of memory", () => {
  it("is tried once more with a larger lease, by what it wrote last", async () => {
    const script =
      '[ "$ORCH_VRAM_BYTES" -ge 4000000000 ] || { echo "RuntimeError: CUDA error: out of memory" >&2; exit 1; }';
    const { id } = await host.sh(script, { gpus: 1, vramBytes: 3 * GIB, mode: "shared" });
    expect(await host.until(id, "succeeded")).toMatchObject({ attempts: 2 });
  });

  it("fails with that as its reason when that was not enough either", async () => {
    const script = 'echo "torch.OutOfMemoryError: CUDA out of memory" >&2; exit 1';
    const { id } = await host.sh(script, { gpus: 1, vramBytes: 5 * GIB, mode: "shared" });
    const job = await host.until(id, "failed");
    expect(job).toMatchObject({ attempts: 2, exitCode: 1, reason: { code: "out-of-memory" } });
  });
});
