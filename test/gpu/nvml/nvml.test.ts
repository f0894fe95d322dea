import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createNvmlProbe, type NvmlProbe } from "../../../src/gpu/nvml/nvml.ts";
import type { NvmlClientOptions } from "../../../src/gpu/nvml/nvml-client.ts";
import { type BundledHelper, bundleNvmlHelper } from "../../kit/bundle-nvml-helper.ts";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../../kit/fake-nvml.ts";

const gib = 2 ** 30;
const mib = 2 ** 20;
const why = await whyNoFakeNvml();
const deadlineMs = 5000;

const gpuA: FakeGpu = { uuid: "GPU-aaaa", totalBytes: 141 * gib, usedBytes: 3 * gib };
const gpuB: FakeGpu = { uuid: "GPU-bbbb", totalBytes: 24 * gib, usedBytes: 0, name: "NVIDIA RTX 4090" };

describe.skipIf(why !== null)(
  `NVML through koffi and a fake library${why ? ` (skipped: ${why})` : ""}`,
  () => {
    let fake: FakeNvml;
    let helper: BundledHelper;
    const open: NvmlProbe[] = [];
    const parents: ChildProcess[] = [];

    beforeAll(async () => {
      [fake, helper] = await Promise.all([buildFakeNvml(), bundleNvmlHelper()]);
    });
    afterEach(async () => {
      for (const parent of parents.splice(0)) parent.kill("SIGKILL");
      await Promise.all(open.splice(0).map((probe) => probe.close()));
    });
    afterAll(async () => {
      await Promise.all([fake.remove(), helper.remove()]);
    });

    function createProbe(options: NvmlClientOptions = {}): NvmlProbe {
      const probe = createNvmlProbe({ helperPath: helper.path, env: fake.env, ...options });
      open.push(probe);
      return probe;
    }

    test("reads identity, memory without the driver's reserve, and sensors", async () => {
      await fake.play({ gpus: [gpuA, { ...gpuB, sensors: false }] });
      const probe = createProbe();
      const [first, second] = await probe.read(deadlineMs);
      expect(first).toEqual({
        uuid: "GPU-aaaa",
        index: 0,
        name: "NVIDIA H200",
        vendor: "nvidia",
        memory: { totalBytes: 141 * gib, usedBytes: 3 * gib, freeBytes: 138 * gib - 512 * mib },
        utilizationPercent: 37,
        temperatureCelsius: 41,
        powerWatts: 76.543,
        health: { ok: true },
        numaNode: null,
        nvlinkPeers: [],
      });
      expect(second).toMatchObject({
        name: "NVIDIA RTX 4090",
        utilizationPercent: null,
        temperatureCelsius: null,
        powerWatts: null,
        health: { ok: true },
      });
      expect(probe.driverVersion()).toBe("570.86.15");
    });

    test("lists programs, each once, with the owner that /proc names, and unknown memory as null", async () => {
      const processes = [
        { pid: process.pid, vramBytes: 2 * gib },
        { pid: 4_194_304, vramBytes: null },
      ];
      await fake.play({ gpus: [{ ...gpuA, processes }, gpuB] });
      const lists = await createProbe().processes(deadlineMs);
      expect(lists.get("GPU-bbbb")).toEqual([]);
      expect(lists.get("GPU-aaaa")).toEqual([
        expect.objectContaining({
          pid: process.pid,
          vramBytes: 2 * gib,
          name: expect.stringMatching(/./),
          uid: process.getuid?.(),
        }),
        expect.objectContaining({ pid: 4_194_304, vramBytes: null, name: null, uid: null }),
      ]);
    });

    test("lists more programs than fit at first", async () => {
      const processes = Array.from({ length: 150 }, (_, index) => ({
        pid: 5_000_000 + index,
        vramBytes: index * mib,
      }));
      await fake.play({ gpus: [{ ...gpuA, processes }] });
      const lists = await createProbe().processes(deadlineMs);
      expect(lists.get("GPU-aaaa")?.map(({ pid, vramBytes }) => ({ pid, vramBytes }))).toEqual(processes);
    });

    test("a lost GPU is unhealthy alone and keeps its name; it heals", async () => {
      await fake.play({ gpus: [gpuA, gpuB] });
      const probe = createProbe();
      await probe.read(deadlineMs);
      await fake.play({ gpus: [{ ...gpuA, error: 15 }, gpuB] });
      const [lost, fine] = await probe.read(deadlineMs);
      expect(lost).toMatchObject({
        uuid: "GPU-aaaa",
        memory: { totalBytes: 141 * gib, usedBytes: 0, freeBytes: 0 },
        health: { ok: false, detail: expect.stringContaining("GPU is lost") },
      });
      expect(fine).toMatchObject({ uuid: "GPU-bbbb", health: { ok: true } });
      expect([...(await probe.processes(deadlineMs)).keys()]).toEqual(["GPU-bbbb"]);
      await fake.play({ gpus: [gpuA, gpuB] });
      expect((await probe.read(deadlineMs)).map(({ health }) => health.ok)).toEqual([true, true]);
    });

    test("a GPU that tells its name but not its memory is unhealthy", async () => {
      await fake.play({ gpus: [{ ...gpuA, memoryError: 16 }, gpuB] });
      const [broken, fine] = await createProbe().read(deadlineMs);
      expect(broken).toMatchObject({ uuid: "GPU-aaaa", health: { ok: false } });
      expect(fine?.health.ok).toBe(true);
    });

    test("a GPU that this user may not touch is passed over", async () => {
      await fake.play({ gpus: [{ ...gpuA, error: 4 }, gpuB] });
      expect((await createProbe().read(deadlineMs)).map(({ uuid }) => uuid)).toEqual(["GPU-bbbb"]);
    });

    test("readings go by UUID when the driver swaps the indices [fault 38]", async () => {
      await fake.play({ gpus: [gpuA, gpuB] });
      const probe = createProbe();
      await probe.read(deadlineMs);
      await fake.play({ gpus: [gpuB, gpuA] });
      const readings = await probe.read(deadlineMs);
      expect(readings.map(({ uuid, index, name }) => [uuid, index, name])).toEqual([
        ["GPU-bbbb", 0, "NVIDIA RTX 4090"],
        ["GPU-aaaa", 1, "NVIDIA H200"],
      ]);
    });

    test("nvmlInit that fails is a Failure with the driver's reason; it heals [fault 36]", async () => {
      await fake.play({ initError: 9 });
      const probe = createProbe();
      await expect(probe.read(deadlineMs)).rejects.toMatchObject({
        code: "gpu/unavailable",
        message: expect.stringContaining("Driver Not Loaded"),
      });
      expect(probe.isInstalled()).toBe(true);
      await fake.play({ gpus: [gpuA] });
      expect(await probe.read(deadlineMs)).toHaveLength(1);
    });

    test("a library that is absent is a Failure that names it [fault 36]", async () => {
      const probe = createProbe({ libraryPath: "/nonexistent/libnvidia-ml.so.1" });
      await expect(probe.read(deadlineMs)).rejects.toMatchObject({
        code: "gpu/unavailable",
        message: expect.stringContaining("/nonexistent/libnvidia-ml.so.1"),
      });
      expect(probe.isInstalled()).toBe(false);
    });

    test("koffi that is absent is a Failure that names it", async () => {
      const alone = join(dirname(fake.libraryPath), "nvml-helper.mjs");
      await copyFile(helper.path, alone);
      const probe = createProbe({ helperPath: alone });
      await expect(probe.read(deadlineMs)).rejects.toMatchObject({
        code: "native/missing",
        message: expect.stringContaining("koffi"),
      });
      expect(probe.isInstalled()).toBe(false);
    });

    test("a helper that cannot run is a Failure with its last words", async () => {
      const probe = createProbe({ helperPath: "/nonexistent/nvml-helper.js" });
      await expect(probe.read(deadlineMs)).rejects.toMatchObject({
        code: "gpu/unavailable",
        why: expect.stringMatching(/^the NVML helper ended with code 1: .*Cannot find module/),
      });
    });

    test("a call that hangs rejects at its deadline, the event loop stays free, and the next call works [fault 37]", async () => {
      await fake.play({ gpus: [gpuA] });
      const probe = createProbe();
      await probe.read(deadlineMs);
      await fake.play({ gpus: [gpuA], hang: "nvmlDeviceGetMemoryInfo_v2" });
      let longestTickMs = 0;
      let lastMs = performance.now();
      const ticking = setInterval(() => {
        longestTickMs = Math.max(longestTickMs, performance.now() - lastMs);
        lastMs = performance.now();
      }, 10);
      const startMs = performance.now();
      await expect(probe.read(300)).rejects.toMatchObject({ code: "gpu/unavailable" });
      const tookMs = performance.now() - startMs;
      clearInterval(ticking);
      expect(tookMs).toBeGreaterThanOrEqual(295);
      expect(tookMs).toBeLessThan(3000);
      expect(longestTickMs).toBeLessThan(1000);
      await fake.play({ gpus: [gpuA] });
      expect(await probe.read(deadlineMs)).toHaveLength(1);
    });

    test("a driver that keeps hanging is not given one helper after the other", async () => {
      await fake.play({ gpus: [gpuA] });
      const probe = createProbe();
      await probe.read(deadlineMs);
      await fake.play({ gpus: [gpuA], hang: "nvmlDeviceGetCount_v2" });
      for (const patienceMs of [200, 1200]) await expect(probe.read(patienceMs)).rejects.toThrow();
      const startMs = performance.now();
      await expect(probe.read(1500)).rejects.toMatchObject({
        why: expect.stringMatching(/tried again in \d+ ms/),
      });
      expect(performance.now() - startMs).toBeLessThan(1000);
      await fake.play({ gpus: [gpuA] });
      await vi.waitFor(async () => expect(await probe.read(deadlineMs)).toHaveLength(1), { timeout: 5000 });
    });

    test("an nvmlInit that takes long does not lose the helper to a short deadline, but ends at its own", async () => {
      await fake.play({ gpus: [gpuA], hang: "nvmlInit_v2" });
      const probe = createProbe({ startTimeoutMs: 600 });
      await expect(probe.read(50)).rejects.toMatchObject({ why: "NVML is still starting" });
      await expect(probe.read(deadlineMs)).rejects.toMatchObject({ why: "NVML did not start within 600 ms" });
    });

    test("a driver that keeps refusing is asked by a fresh helper in the end", async () => {
      await fake.play({ gpus: [gpuA], countError: 999 });
      const probe = createProbe();
      const refused = async (): Promise<number[]> => {
        await expect(probe.read(deadlineMs)).rejects.toMatchObject({
          message: expect.stringContaining("Unknown Error"),
        });
        return findHelpers(helper.path, process.pid);
      };
      const first = await refused();
      expect(first).toHaveLength(1);
      for (let call = 2; call < 10; call++) expect(await refused()).toEqual(first);
      await refused();
      await fake.play({ gpus: [gpuA] });
      expect(await probe.read(deadlineMs)).toHaveLength(1);
      expect(await findHelpers(helper.path, process.pid)).not.toContain(first[0]);
    });

    test("a helper that is killed is replaced", async () => {
      await fake.play({ gpus: [gpuA] });
      const probe = createProbe();
      await probe.read(deadlineMs);
      const [pid = 0] = await findHelpers(helper.path, process.pid);
      process.kill(pid, "SIGKILL");
      await vi.waitFor(async () => {
        expect(await probe.read(deadlineMs)).toHaveLength(1);
        expect(await findHelpers(helper.path, process.pid)).not.toContain(pid);
      });
    });

    test("close ends the helper", async () => {
      await fake.play({ gpus: [gpuA] });
      const probe = createProbe();
      await probe.read(deadlineMs);
      await probe.close();
      expect(await findHelpers(helper.path, process.pid)).toEqual([]);
      await expect(probe.read(deadlineMs)).rejects.toMatchObject({ code: "gpu/unavailable" });
    });

    test.each(["", "nvmlDeviceGetCount_v2", "nvmlInit_v2"])(
      "the helper goes when its parent is killed (hanging in: %s)",
      async (hang) => {
        await fake.play({ gpus: [gpuA], ...(hang ? { hang } : {}) });
        const script = `
      const { spawn } = require("node:child_process");
      const child = spawn(process.execPath, process.argv.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
      child.stdin.write('{"id":1,"op":"read"}\\n');
      console.log(child.pid);
      child.stdout.on("data", (text) => process.stdout.write(text));`;
        const parent = spawn(process.execPath, ["-e", script, helper.path, fake.libraryPath], {
          env: fake.env,
          stdio: ["ignore", "pipe", "inherit"],
        });
        parents.push(parent);
        const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
        const pid = Number((await lines.next()).value);
        if (hang !== "nvmlInit_v2") expect((await lines.next()).value).toContain("ready");
        expect(await isAlive(pid)).toBe(true);
        parent.kill("SIGKILL");
        await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false), { timeout: 5000, interval: 20 });
      },
    );

    test("an older driver without the second versions is read too", async () => {
      const old = await buildFakeNvml({ old: true });
      try {
        await old.play({ gpus: [{ ...gpuA, processes: [{ pid: process.pid, vramBytes: gib }] }] });
        const probe = createProbe({ env: old.env });
        const [reading] = await probe.read(deadlineMs);
        expect(reading?.memory).toEqual({
          totalBytes: 141 * gib,
          usedBytes: 3 * gib + 512 * mib,
          freeBytes: 138 * gib - 512 * mib,
        });
        expect((await probe.processes(deadlineMs)).get("GPU-aaaa")).toHaveLength(1);
      } finally {
        await old.remove();
      }
    });
  },
);

/** Pids of living children of `parentPid` that run `path`. */
async function findHelpers(path: string, parentPid: number): Promise<number[]> {
  const children = await readFile(`/proc/${parentPid}/task/${parentPid}/children`, "utf8");
  const pids = children.trim().split(/\s+/).filter(Boolean).map(Number);
  const runs = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.filter((_, index) => runs[index]?.includes(path));
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) Z/.test(stat);
}
