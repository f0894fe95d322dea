import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WorkerView } from "../../src/protocol/views.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

// Workers that give their memory back and live on. Their programs say what they hold of a virtual GPU of 12 GiB.

const HANDLER = `
import os, time
from orch_sdk import serve

class Handler:
    def load(self, params):
        time.sleep(float(os.environ.get("LOAD_SECONDS", "0")))
        self.hold("8GiB")

    def run(self, params, ctx):
        return {"pid": os.getpid(), "asleep": self.is_asleep}

    def sleep(self):
        if os.environ.get("SLEEP") == "raises":
            raise RuntimeError("no sleep tonight")
        self.kept = bytearray(b"x") * (int(os.environ.get("KEPT_MIB", "0")) << 20)
        self.hold("1GiB")
        self.is_asleep = True

    def wake(self):
        if os.environ.get("WAKE") == "raises":
            raise RuntimeError("a nightmare")
        del self.kept
        self.hold("8GiB")
        self.is_asleep = False

    is_asleep = False

    def hold(self, amount):
        gpu = os.environ["CUDA_VISIBLE_DEVICES"].rsplit("-", 1)[-1]
        path = os.path.join(os.environ["HELD"], f"{gpu}-{os.getpid()}")
        with open(path + ".new", "w") as file:
            file.write(amount)
        os.rename(path + ".new", path)

serve(Handler())
`;
/** Without sleep() and wake(). */
const INSOMNIAC = HANDLER.replaceAll(/ {4}def (sleep|wake)\(self\):\n(?: {8}.*\n)+/g, "");

let held: string;
let host: Host;
beforeAll(async () => {
  held = mkdtempSync(join(tmpdir(), "orch-held-"));
  host = await startHost({ gpus: `virtual:1x12GiB,held=${held}`, config: "vramReserve: 0\n" });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  rmSync(held, { recursive: true, force: true });
});

function addModel(name: string, env: Record<string, string> = {}, handler = HANDLER): void {
  const pairs = Object.entries({ HELD: held, ...env }).map(([key, value]) => `${key}: "${value}"`);
  host.addRuntime(
    name,
    `name: ${name}
gpu: { count: 1, vram: 8GiB }
keepAlive: 5m
timeouts: { ready: 20s, stop: 2s }
sleep: { residue: 1GiB, ram: 0 }
env: { ${pairs.join(", ")} }
`,
    { "handler.py": handler },
  );
}

async function run(name: string): Promise<{ pid: number; asleep: boolean }> {
  const { id: job } = await host.client.call("POST /jobs", { runtime: name, params: {} });
  await host.until(job, "succeeded");
  const { output } = await host.client.call("GET /jobs/:job", { job });
  return output as { pid: number; asleep: boolean };
}

async function workerOf(runtime: string): Promise<WorkerView | undefined> {
  const { workers } = await host.client.call("GET /workers", {});
  return workers.find((worker) => worker.runtime === runtime);
}

function untilAsleep(runtime: string): Promise<WorkerView> {
  return until(`${runtime} sleeps`, async () => {
    const worker = await workerOf(runtime);
    return worker?.state === "asleep" ? worker : null;
  });
}

/** All that programs which live hold of the GPU together. GiB. */
function heldGib(): number {
  const pids = readdirSync(held).filter((name) => /^0-\d+$/.test(name));
  return pids
    .filter((name) => isAlive(Number(name.slice(2))))
    .reduce((sum, name) => sum + Number.parseInt(readFileSync(join(held, name), "utf8"), 10), 0);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("workers that sleep", () => {
  it("make room without ending: A, then B, then the same A again", async () => {
    addModel("a", { LOAD_SECONDS: "1" });
    addModel("b");
    const first = await run("a");
    const second = await run("b");
    expect(second.pid).not.toBe(first.pid);
    const asleep = await untilAsleep("a");
    expect(heldGib()).toBe(9);
    const { gpus } = await host.client.call("GET /gpus", {});
    const residue = gpus[0]?.leases.find((lease) => lease.worker === asleep.name);
    expect(residue).toMatchObject({ mode: "residue", vramBytes: 2 ** 30 });
    expect(await run("a")).toEqual({ pid: first.pid, asleep: false });
    expect(heldGib()).toBe(9);
    const woken = await workerOf("a");
    expect(woken?.fence).toBeGreaterThan(asleep.fence);
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "a" });
    expect(lanes[0]?.sleep).toMatchObject({ residueBytes: 2 ** 30, isMeasured: true, off: null });
    expect(lanes[0]?.sleep?.wakeMs).toBeLessThan(lanes[0]?.startMs ?? 0);
  });

  it("are measured: what sleeping takes of the host's memory is learned, whatever was declared", async () => {
    addModel("keeper", { KEPT_MIB: "300" });
    await run("keeper");
    await run("b");
    await untilAsleep("keeper");
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "keeper" });
    expect(lanes[0]?.sleep?.ramBytes).toBeGreaterThan(290 * 2 ** 20);
    // Never more than it has given back.
    expect(lanes[0]?.sleep?.ramBytes).toBeLessThanOrEqual(8 * 2 ** 30);
    expect((await host.cli("runtimes", "show", "keeper")).stdout).toMatch(/takes [\d.]+ [MG]iB of memory/);
  });

  it("sleep on while the daemon is restarted, and are woken by the next one", async () => {
    const { pid } = await run("a");
    await run("b");
    await untilAsleep("a");
    await host.kill();
    await host.start();
    await untilAsleep("a");
    expect(await run("a")).toEqual({ pid, asleep: false });
  });

  it("are started anew when they do not wake up, and are not put to sleep again for a while", async () => {
    addModel("bad", { WAKE: "raises" });
    const first = await run("bad");
    await run("b");
    await untilAsleep("bad");
    const second = await run("bad");
    expect(second.pid).not.toBe(first.pid);
    const { stdout } = await host.cli("events");
    expect(stdout).toMatch(/bad-\d+ did not wake up: .*RuntimeError: a nightmare/);
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "bad" });
    expect(lanes[0]?.sleep?.off).toBe("sleeping of bad failed lately");
  });

  it("that cannot sleep are stopped, and it is remembered", async () => {
    addModel("awake", {}, INSOMNIAC);
    const { pid } = await run("awake");
    await run("b");
    await until("it is gone", () => (isAlive(pid) ? null : true));
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "awake" });
    expect(lanes[0]?.sleep?.off).toBe("the program of awake cannot sleep");
    const again = await host.cli("workers", "ls");
    expect(again.stdout).toMatch(/b-\d+/);
  });

  it("are put to sleep and woken by hand", async () => {
    const { pid } = await run("b");
    const name = (await workerOf("b"))?.name ?? "";
    const slept = await host.cli("workers", "sleep", name);
    expect(slept.code, slept.stderr).toBe(0);
    await untilAsleep("b");
    expect((await host.cli("workers", "wake", name)).code).toBe(0);
    await until("b is awake", async () => ((await workerOf("b"))?.state === "ready" ? true : null));
    expect(await run("b")).toEqual({ pid, asleep: false });
    const refused = await host.cli("workers", "sleep", "nobody");
    expect(refused.code).toBe(5);
  });
});
