import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

// The whole daemon with NVIDIA's MPS: the driver's library and the control daemon are stand-ins, all else is real.

const GIB = 2 ** 30;
const why = await whyNoFakeNvml();
const board: FakeGpu = { uuid: "GPU-aaaa", totalBytes: 80 * GIB, usedBytes: 0 };
const control = join(import.meta.dirname, "../fixtures/mps/nvidia-cuda-mps-control");
const shared = { gpus: 1, vramBytes: 20 * GIB, mode: "shared" } as const;

describe.skipIf(why !== null)(`workers that share by MPS${why === null ? "" : ` (${why})`}`, () => {
  let fake: FakeNvml;
  beforeAll(async () => {
    fake = await buildFakeNvml();
  });
  afterAll(() => fake.remove());

  const start = (config = "mps: true\n"): Promise<Host> =>
    startHost({
      gpus: "nvml",
      config,
      env: {
        ORCH_NVML_LIBRARY: fake.libraryPath,
        ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "",
        PATH: `${dirname(control)}:${process.env["PATH"] ?? ""}`,
      },
    });
  const daemonOf = (host: Host): number | null => {
    try {
      return Number(readFileSync(join(host.paths.runDir, "mps/pipe/nvidia-cuda-mps-control.pid"), "utf8"));
    } catch {
      return null;
    }
  };

  it("get its pipe, their share of the threads and their lease as the limit; others get nothing", async () => {
    await fake.play({ gpus: [board] });
    await using host = await start();
    const show = 'env | grep "^CUDA_MPS" | sort';
    const alone = await host.sh(`${show}; true`, { gpus: 1 });
    await host.until(alone.id, "succeeded");
    expect(daemonOf(host)).toBeNull();
    const job = await host.sh(show, shared);
    await host.until(job.id, "succeeded");
    const { stdout } = await host.cli("logs", String(job.id));
    const dir = join(host.paths.runDir, "mps");
    expect(stdout.trim().split("\n")).toEqual([
      "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=50",
      `CUDA_MPS_LOG_DIRECTORY=${dir}/log`,
      `CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=${20 * 1024}M`,
      `CUDA_MPS_PIPE_DIRECTORY=${dir}/pipe`,
    ]);
    expect((await host.cli("logs", String(alone.id))).stdout.trim()).toBe("");
  });

  it("keep its control daemon over a restart, and when the last is gone it quits with the daemon", async () => {
    await fake.play({ gpus: [board] });
    await using host = await start();
    const job = await host.sh("exec sleep 60", shared);
    await host.until(job.id, "running");
    const pid = daemonOf(host);
    await host.kill();
    await host.start();
    const second = await host.sh("exec sleep 60", shared);
    await host.until(second.id, "running");
    expect(daemonOf(host)).toBe(pid);
    process.kill(host.pid(), "SIGTERM");
    await host.exited();
    expect(daemonOf(host)).toBe(pid);
    await host.start();
    await host.cli("cancel", String(job.id), String(second.id));
    await Promise.all([host.until(job.id, "cancelled"), host.until(second.id, "cancelled")]);
    process.kill(host.pid(), "SIGTERM");
    await host.exited();
    expect(daemonOf(host)).toBeNull();
  });

  it("its server is no stranger on the GPU, and whoever else is there still is", async () => {
    await fake.play({ gpus: [board] });
    await using host = await start();
    const job = await host.sh("exec sleep 60", shared);
    await host.until(job.id, "running");
    const server = Number(readFileSync(join(host.paths.runDir, "mps/log/server"), "utf8"));
    const processes = [
      { pid: server, vramBytes: 3 * GIB },
      { pid: process.pid, vramBytes: GIB },
    ];
    await fake.play({ gpus: [{ ...board, usedBytes: 4 * GIB, processes }] });
    const { gpus } = await host.client.call("GET /gpus", { processes: true });
    expect(gpus[0]?.memory.foreignBytes).toBe(GIB);
    expect(gpus[0]?.processes.map(({ worker }) => worker)).toEqual(["orch (MPS)", null]);
  });

  it("are stopped when it dies, since their hold of the GPU is gone; the next start brings it back", async () => {
    await fake.play({ gpus: [board] });
    await using host = await start();
    const job = await host.sh("exec sleep 60", shared);
    await host.until(job.id, "running");
    const pid = daemonOf(host) ?? 0;
    process.kill(Number(readFileSync(join(host.paths.runDir, "mps/log/server"), "utf8")));
    process.kill(pid, "SIGKILL");
    await until("it is on record", () => host.log().includes("the control daemon of MPS has ended"));
    await host.until(job.id, "failed");
    const why = await host.cli("show", String(job.id));
    expect(why.stdout).toContain("the control daemon of MPS has ended, and with it");
    const next = await host.sh("true", shared);
    await host.until(next.id, "succeeded");
    expect(daemonOf(host)).not.toBe(pid);
  });

  it("a start fails with the reason where it cannot run, rather than share without its limits", async () => {
    await fake.play({ gpus: [board] });
    await using host = await startHost({
      gpus: "nvml",
      config: "mps: true\n",
      env: {
        ORCH_NVML_LIBRARY: fake.libraryPath,
        ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "",
      },
    });
    const job = await host.sh("true", shared);
    await until("the reason is told", async () => {
      const { reason } = await host.client.call("GET /jobs/:job/why", { job: job.id });
      return reason?.text.includes("the control daemon of MPS does not start") ? reason : null;
    });
  });
});
