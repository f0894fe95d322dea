import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { MissingMemory } from "../../src/gpu/memory-wait.ts";
import { createNvmlProbe } from "../../src/gpu/nvml/nvml.ts";
import type { GpuProbe } from "../../src/gpu/probe.ts";
import type { GpuSample } from "../../src/gpu/sample.ts";
import { createSampler, type Sampler, type SamplerOptions } from "../../src/gpu/sampler.ts";
import { createVirtualProbe } from "../../src/gpu/virtual/virtual.ts";
import { systemClock } from "../../src/std/clock.ts";
import { type BundledHelper, bundleNvmlHelper } from "../kit/bundle-nvml-helper.ts";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";

const gib = 2 ** 30;
const mib = 2 ** 20;
const why = await whyNoFakeNvml();
const ourPid = 4_194_301;
const strangerPid = 4_194_302;

const gpuA: FakeGpu = { uuid: "GPU-aaaa", totalBytes: 80 * gib, usedBytes: 0 };
const gpuB: FakeGpu = { uuid: "GPU-bbbb", totalBytes: 24 * gib, usedBytes: 0 };

interface Host {
  readonly sampler: Sampler;
  readonly changes: GpuSample[];
  /** How often the driver was asked for its list of programs. */
  readonly listsAsked: () => number;
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A sampler that reads every 20 ms through `probe`, and counts what it asks for. */
function createHost(probe: GpuProbe, options: Partial<SamplerOptions> = {}): Host {
  const changes: GpuSample[] = [];
  let listsAsked = 0;
  const counting: GpuProbe = {
    kind: probe.kind,
    read: (deadlineMs) => probe.read(deadlineMs),
    processes: (deadlineMs) => {
      listsAsked += 1;
      return probe.processes(deadlineMs);
    },
    close: () => probe.close(),
  };
  const sampler = createSampler({
    probe: counting,
    clock: systemClock,
    intervalMs: 20,
    onChange: (sample) => changes.push(sample),
    isOurs: (pid) => (pid === ourPid ? 5 : null),
    workersOn: () => [],
    ...options,
  });
  cleanups.push(async () => {
    await sampler.stop();
    await probe.close();
  });
  return { sampler, changes, listsAsked: () => listsAsked };
}

test("virtual GPUs are free at once", async () => {
  const { sampler, changes } = createHost(createVirtualProbe("virtual:2x24GiB"));
  expect(sampler.latest().stale?.reason).toBe("the GPUs have not been read yet");
  const needs = new Map([["GPU-virtual-1", 24 * gib]]);
  expect(await sampler.waitForFree(needs, { deadlineMs: 5000 })).toMatchObject({ kind: "free" });
  const sample = await sampler.start();
  expect(sample.gpus.map(({ foreignBytes }) => foreignBytes)).toEqual([0, 0]);
  expect(Math.abs(sample.atMs - Date.now())).toBeLessThan(5000);
  expect(changes).toHaveLength(1);
});

test("a GPU that is not there is named when the wait ends", async () => {
  const { sampler } = createHost(createVirtualProbe("virtual:1x24GiB"));
  const needs = new Map([["GPU-gone", gib]]);
  expect(await sampler.waitForFree(needs, { deadlineMs: 60 })).toMatchObject({
    kind: "short",
    missing: [{ uuid: "GPU-gone", freeBytes: 0, text: "GPU-gone is no longer there" }],
  });
});

test("readings asked for together share one that begins after them", async () => {
  const { sampler } = createHost(createVirtualProbe("virtual:1x24GiB"));
  const [first, second] = [sampler.sampleNow(), sampler.sampleNow()];
  expect(await first).toBe(await second);
  expect(await sampler.sampleNow()).not.toBe(await first);
});

describe.skipIf(why !== null)(`sampling a fake driver${why ? ` (skipped: ${why})` : ""}`, () => {
  let fake: FakeNvml;
  let helper: BundledHelper;

  beforeAll(async () => {
    [fake, helper] = await Promise.all([buildFakeNvml(), bundleNvmlHelper()]);
  });
  afterAll(async () => {
    await Promise.all([fake.remove(), helper.remove()]);
  });

  const createNvmlHost = (options: Partial<SamplerOptions> = {}): Host =>
    createHost(createNvmlProbe({ helperPath: helper.path, env: fake.env }), options);

  test("foreign memory is counted and told when it moves by more than 64 MiB", async () => {
    await fake.play({ gpus: [gpuA, gpuB] });
    const { sampler, changes, listsAsked } = createNvmlHost();
    await sampler.start();
    expect(changes).toHaveLength(1);
    const held = (bytes: number): FakeGpu => ({
      ...gpuA,
      usedBytes: bytes + gib,
      processes: [
        { pid: ourPid, vramBytes: gib },
        { pid: strangerPid, vramBytes: bytes },
      ],
    });
    await fake.play({ gpus: [held(5 * gib), gpuB] });
    await vi.waitFor(() => expect(changes).toHaveLength(2));
    expect(changes[1]?.gpus.map(({ foreignBytes }) => foreignBytes)).toEqual([5 * gib, 0]);
    const asked = listsAsked();
    await fake.play({ gpus: [held(5 * gib + 60 * mib), gpuB] });
    await vi.waitFor(() =>
      expect(sampler.latest().gpus[0]?.reading.memory.usedBytes).toBe(6 * gib + 60 * mib),
    );
    expect([changes.length, listsAsked()]).toEqual([2, asked]);
    const listed = await sampler.sampleNow({ processes: true });
    expect(listed.gpus[0]?.foreignBytes).toBe(5 * gib + 60 * mib);
    expect(changes).toHaveLength(2);
    await fake.play({ gpus: [gpuA, gpuB] });
    await vi.waitFor(() => expect(changes).toHaveLength(3));
    expect(changes[2]?.gpus[0]?.foreignBytes).toBe(0);
  });

  test("what a worker holds is measured, and told when it grows by more than 64 MiB", async () => {
    await fake.play({ gpus: [gpuA, gpuB] });
    const { sampler, changes } = createNvmlHost({ workersOn: () => [5] });
    await sampler.start();
    const ours = (bytes: number): FakeGpu[] => [
      { ...gpuA, usedBytes: bytes, processes: [{ pid: ourPid, vramBytes: bytes }] },
      { ...gpuB, usedBytes: gib, processes: [{ pid: ourPid, vramBytes: gib }] },
    ];
    await fake.play({ gpus: ours(3 * gib) });
    await vi.waitFor(() => expect(changes.length).toBeGreaterThan(1));
    const held = (sample: GpuSample): unknown => [...(sample.workerBytes.get(5) ?? [])];
    await vi.waitFor(() =>
      expect(held(sampler.latest())).toEqual([
        ["GPU-aaaa", 3 * gib],
        ["GPU-bbbb", gib],
      ]),
    );
    await sampler.sampleNow();
    const told = changes.length;
    await fake.play({ gpus: ours(3 * gib + 60 * mib) });
    await sampler.sampleNow({ processes: true });
    expect(sampler.latest().workerBytes.get(5)?.get("GPU-aaaa")).toBe(3 * gib + 60 * mib);
    await fake.play({ gpus: ours(2 * gib) });
    await sampler.sampleNow({ processes: true });
    expect(changes).toHaveLength(told);
    await fake.play({ gpus: ours(4 * gib) });
    await vi.waitFor(() => expect(changes).toHaveLength(told + 1));
    expect(changes.at(-1)?.workerBytes.get(5)?.get("GPU-aaaa")).toBe(4 * gib);
  });

  test("while workers run, programs are listed now and then though nothing seems to move", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    const running = { hasWorker: true };
    await fake.play({ gpus: [gpuA] });
    const { sampler, listsAsked } = createNvmlHost({
      clock,
      workersOn: () => (running.hasWorker ? [5] : []),
    });
    await sampler.sampleNow();
    const asked = listsAsked();
    await sampler.sampleNow();
    expect(listsAsked()).toBe(asked);
    aheadMs += 10_000;
    await sampler.sampleNow();
    expect(listsAsked()).toBe(asked + 1);
    running.hasWorker = false;
    aheadMs += 10_000;
    await sampler.sampleNow();
    expect(listsAsked()).toBe(asked + 1);
  });

  test("a worker that ended is not taken for a stranger when the next one holds as much", async () => {
    const heldBy = (pid: number): FakeGpu => ({
      ...gpuA,
      usedBytes: 8 * gib,
      processes: [{ pid, vramBytes: 8 * gib }],
    });
    let ours = ourPid;
    await fake.play({ gpus: [heldBy(ourPid)] });
    const isOurs = (pid: number): number | null => (pid === ours ? 5 : null);
    const { sampler } = createNvmlHost({ intervalMs: 3_600_000, isOurs, workersOn: () => [5] });
    await sampler.start();
    const next = strangerPid;
    await fake.play({ gpus: [heldBy(next)] });
    ours = next;
    const { gpus } = await sampler.sampleNow();
    expect(gpus[0]?.foreignBytes).toBe(0);
    expect(gpus[0]?.processes?.map(({ pid, workerId }) => [pid, workerId])).toEqual([[next, 5]]);
  });

  test("where the driver tells no program's memory, a worker alone holds what came on top", async () => {
    let workers: readonly number[] = [];
    const stranger = { pid: strangerPid, vramBytes: null };
    await fake.play({ gpus: [{ ...gpuA, usedBytes: 2 * gib, processes: [stranger] }] });
    const { sampler } = createNvmlHost({ workersOn: () => workers });
    expect((await sampler.sampleNow()).workerBytes.size).toBe(0);
    workers = [5];
    const processes = [stranger, { pid: ourPid, vramBytes: null }];
    await fake.play({ gpus: [{ ...gpuA, usedBytes: 9 * gib, processes }] });
    await vi.waitFor(async () => {
      const { workerBytes } = await sampler.sampleNow();
      expect(workerBytes.get(5)?.get("GPU-aaaa")).toBe(7 * gib);
    });
  });

  test("a GPU that is lost, heals or goes is told", async () => {
    await fake.play({ gpus: [gpuA, gpuB] });
    const { sampler, changes } = createNvmlHost();
    await sampler.start();
    await fake.play({ gpus: [gpuA, { ...gpuB, error: 15 }] });
    await vi.waitFor(() => expect(changes).toHaveLength(2));
    expect(changes[1]?.gpus.map(({ reading }) => reading.health.ok)).toEqual([true, false]);
    await fake.play({ gpus: [gpuA, gpuB] });
    await vi.waitFor(() => expect(changes).toHaveLength(3));
    await fake.play({ gpus: [gpuB] });
    // A reading that began before may see one GPU still there and refused, which is told too.
    await vi.waitFor(() =>
      expect(changes.at(-1)?.gpus.map(({ reading }) => reading.uuid)).toEqual(["GPU-bbbb"]),
    );
  });

  test("failed readings keep the last ones, close every GPU after the third, and open them again", async () => {
    await fake.play({ gpus: [gpuA, gpuB] });
    const { sampler, changes } = createNvmlHost();
    const good = await sampler.sampleNow();
    await fake.play({ gpus: [gpuA, gpuB], countError: 999 });
    for (const failures of [1, 2]) {
      const sample = await sampler.sampleNow();
      expect(sample.stale).toEqual({ failures, reason: expect.stringContaining("Unknown Error") });
      expect(sample.gpus).toEqual(good.gpus);
      expect(sample.atMs).toBe(good.atMs);
    }
    expect(changes).toHaveLength(1);
    await sampler.sampleNow();
    expect(changes).toHaveLength(2);
    expect(changes[1]?.gpus.map(({ reading }) => reading.health)).toEqual([
      { ok: false, detail: expect.stringContaining("Unknown Error") },
      { ok: false, detail: expect.stringContaining("Unknown Error") },
    ]);
    await sampler.sampleNow();
    expect(changes).toHaveLength(2);
    await fake.play({ gpus: [gpuA, gpuB] });
    expect(await sampler.sampleNow()).toMatchObject({ stale: null });
    expect(changes[2]?.gpus.map(({ reading }) => reading.health.ok)).toEqual([true, true]);
  });

  test("memory that is freed late ends the wait soon after [fault 32]", async () => {
    const atMs = Date.now() + 600;
    await fake.play({ gpus: [{ ...gpuA, usedBytes: 70 * gib, release: { atMs, usedBytes: gib } }] });
    const { sampler } = createNvmlHost();
    const result = await sampler.waitForFree(new Map([["GPU-aaaa", 60 * gib]]), { deadlineMs: 10_000 });
    expect(result.kind).toBe("free");
    expect(Date.now()).toBeGreaterThanOrEqual(atMs);
    expect(Date.now() - atMs).toBeLessThan(1500);
  });

  test("memory that is free before the wait begins costs no wait [fault 34]", async () => {
    await fake.play({ gpus: [gpuA] });
    const { sampler } = createNvmlHost();
    await sampler.sampleNow();
    const result = await sampler.waitForFree(new Map([["GPU-aaaa", 60 * gib]]), { deadlineMs: 10_000 });
    expect(result.kind).toBe("free");
    expect(result.waitedMs).toBeLessThan(1000);
  });

  test("all the GPUs named must be free, and who holds the memory is named when the wait ends [fault 33]", async () => {
    const processes = [
      { pid: strangerPid, vramBytes: 20 * gib },
      { pid: ourPid, vramBytes: gib },
      { pid: process.pid, vramBytes: null },
    ];
    await fake.play({ gpus: [gpuA, { ...gpuB, usedBytes: 21 * gib, processes }] });
    const { sampler } = createNvmlHost();
    const needs = new Map([
      ["GPU-aaaa", 10 * gib],
      ["GPU-bbbb", 10 * gib],
    ]);
    const result = await sampler.waitForFree(needs, { deadlineMs: 150 });
    const missing: readonly MissingMemory[] = result.kind === "short" ? result.missing : [];
    expect(missing).toHaveLength(1);
    expect(missing[0]).toMatchObject({ uuid: "GPU-bbbb", neededBytes: 10 * gib, freeBytes: 2.5 * gib });
    expect(missing[0]?.isStuck).toBe(false);
    expect(missing[0]?.holders.map(({ pid, workerId }) => [pid, workerId])).toEqual([
      [strangerPid, null],
      [ourPid, 5],
      [process.pid, null],
    ]);
    expect(missing[0]?.text).toMatch(
      /^GPU-bbbb has 2\.5 GiB free of the 10 GiB needed; a program \(pid 4194302, not to be seen from here\) holds 20 GiB, a program \(pid 4194301, worker 5\) holds 1 GiB, .+ \(pid \d+, .+\) holds memory that the driver does not tell for .+$/,
    );
  });

  test("memory that neither a stranger nor a worker accounts for is told as stuck [fault 33]", async () => {
    const processes = [{ pid: ourPid, vramBytes: gib }];
    const needs = new Map([["GPU-bbbb", 10 * gib]]);
    const stuckOf = async (usedBytes: number) => {
      await fake.play({ gpus: [gpuA, { ...gpuB, usedBytes, processes }] });
      const wait = await createNvmlHost().sampler.waitForFree(needs, { deadlineMs: 50 });
      return wait.kind === "short" && wait.missing.map(({ isStuck }) => isStuck);
    };
    expect(await stuckOf(20 * gib)).toEqual([true]);
    const own = [{ pid: ourPid, vramBytes: 20 * gib }];
    await fake.play({ gpus: [gpuA, { ...gpuB, usedBytes: 20 * gib, processes: own }] });
    const wait = await createNvmlHost().sampler.waitForFree(needs, { deadlineMs: 50 });
    expect(wait).toMatchObject({ kind: "short", missing: [{ isStuck: false }] });
  });

  test("a reading that fails frees nothing", async () => {
    await fake.play({ gpus: [gpuA] });
    const { sampler } = createNvmlHost();
    await sampler.sampleNow();
    await fake.play({ gpus: [gpuA], countError: 999 });
    const result = await sampler.waitForFree(new Map([["GPU-aaaa", gib]]), { deadlineMs: 120 });
    expect(result).toMatchObject({
      kind: "short",
      missing: [{ text: expect.stringContaining("cannot be read") }],
    });
  });

  test("a wait can be aborted", async () => {
    await fake.play({ gpus: [{ ...gpuA, usedBytes: 79 * gib }] });
    const { sampler } = createNvmlHost();
    await sampler.sampleNow();
    const abort = new AbortController();
    const waiting = sampler.waitForFree(new Map([["GPU-aaaa", 60 * gib]]), {
      deadlineMs: 60_000,
      signal: abort.signal,
    });
    abort.abort();
    expect(await waiting).toMatchObject({ kind: "aborted" });
  });
});
