import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  createSharedGpus,
  type SharedGpus,
  type SharedGpusParts,
} from "../../../src/daemon/gpus/share-gpus.ts";
import { createHands } from "../../../src/daemon/hands.ts";
import { createMps } from "../../../src/gpu/mps.ts";
import { createRegistry } from "../../../src/runtime/discover.ts";
import type { SeenGpu } from "../../../src/scheduler/events.ts";
import { systemClock } from "../../../src/std/clock.ts";
import { Bench, command, GIB, sharer } from "../../kit/scheduler.ts";
import { until } from "../../kit/until.ts";

const control = join(import.meta.dirname, "../../fixtures/mps/nvidia-cuda-mps-control");
const env = { PATH: `${dirname(control)}:${process.env["PATH"] ?? ""}` };
let runDir = "";
const open: SharedGpus[] = [];

beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), "orch-share-"));
});
afterEach(async () => {
  for (const shared of open.splice(0)) await shared.stop();
  rmSync(runDir, { recursive: true, force: true });
});

const mps = () => createMps({ dir: join(runDir, "mps"), clock: systemClock, env });

function createOn(bench: Bench, parts: Partial<SharedGpusParts> = {}): SharedGpus {
  const shared = createSharedGpus({
    ...{ isOn: true, servesMany: false, runDir, env, clock: systemClock, lookEveryMs: 10, idleMs: 100 },
    ...{ state: () => bench.state, hands: createHands(), runtimes: createRegistry([], systemClock) },
    log: pino({ level: "silent" }),
    ...parts,
  });
  open.push(shared);
  return shared;
}

/** The variables that a worker of a sharing lane gets on such a GPU. */
async function envOn(gpu: Partial<SeenGpu>, parts: Partial<SharedGpusParts> = {}, vramGib = 3) {
  const bench = new Bench({ gpus: [{ totalBytes: 24 * GIB, ...gpu }] });
  bench.submit(sharer("light", vramGib));
  return createOn(bench, parts).envFor(bench.worker(1));
}

test("the share of the threads is twice that of the memory, one percent at least and all at most", async () => {
  const percent = async (gib: number) =>
    (await envOn({ vendor: "nvidia" }, {}, gib))["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"];
  expect([await percent(3), await percent(0.01), await percent(20)]).toEqual(["25", "1", "100"]);
});

test("AMD, MIG instances, GPUs on paper, several users and a config without it: nothing is started", async () => {
  expect(await envOn({ vendor: "amd" })).toEqual({});
  expect(await envOn({ vendor: "nvidia", parent: "GPU-board" })).toEqual({});
  expect(await envOn({})).toEqual({});
  expect(await envOn({ vendor: "nvidia" }, { servesMany: true })).toEqual({});
  expect(await envOn({ vendor: "nvidia" }, { isOn: false })).toEqual({});
  expect(mps().pid()).toBeNull();
});

test("a worker that can sleep goes without, since its limit would stay that of its start", async () => {
  const sleep = { level: 1, residueBytes: GIB, ramBytes: null, timeoutMs: 1000 } as const;
  const bench = new Bench({ gpus: [{ totalBytes: 24 * GIB, vendor: "nvidia" }] });
  bench.submit(sharer("sleepy", 3, { sleep }));
  expect(await createOn(bench).envFor(bench.worker(1))).toEqual({});
  expect(mps().pid()).toBeNull();
});

test("on several GPUs there is a limit for each, in the order in which they are shown", async () => {
  const bench = new Bench({ gpus: [{ vendor: "nvidia" }, { vendor: "nvidia" }] });
  bench.submit(command("pair", { gpuCount: 2, mode: "shared", vramBytes: 6 * GIB }));
  expect(await createOn(bench).envFor(bench.worker(1))).toMatchObject({
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: "50",
    CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: "0=6144M,1=6144M",
  });
});

test("the control daemon stays while a worker is on its way, and quits once nobody shares for a while", async () => {
  const bench = new Bench({ gpus: [{ vendor: "nvidia" }] });
  const id = bench.submit(command("light", { mode: "shared", vramBytes: GIB }));
  const shared = createOn(bench);
  shared.start(() => {});
  await shared.envFor(bench.worker(1));
  const startedAtMs = performance.now();
  await until("three times the idle time is over", () => performance.now() - startedAtMs > 300);
  expect(mps().pid()).not.toBeNull();
  bench.ask({ type: "cancel", jobId: id });
  bench.exit(1);
  await until("it has quit", () => mps().pid() === null);
});
