import { expect, it } from "vitest";
import type { GpuView } from "../../src/protocol/views.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { gpuView } from "./sample-views.ts";

const gib = 2 ** 30;
type Process = GpuView["processes"][number];

function program(changes: Partial<Process>): Process {
  return {
    pid: 7,
    name: "python",
    user: "ada",
    startedAt: "2026-01-02T00:00:00Z",
    vramBytes: gib,
    worker: null,
    unknown: null,
    ...changes,
  };
}

async function print(gpus: GpuView[], ...words: string[]): Promise<{ stdout: string; stderr: string }> {
  await using server = await serveAnswers({ "GET /gpus": () => ({ gpus }) });
  return await orch(["gpus", ...words], server);
}

it("names strangers with pid, user, memory and age, the largest first, and workers only when asked", async () => {
  const nobody = { name: null, user: null, startedAt: null };
  const processes = [
    program({ pid: 7, vramBytes: 2 * gib }),
    program({ pid: 8, worker: "sdxl-1", vramBytes: 3 * gib }),
    program({ pid: 9, user: "uid 1234", vramBytes: 9 * gib }),
    program({ ...nobody, pid: 10, vramBytes: null, unknown: "hidden" }),
    program({ ...nobody, pid: 11, unknown: "elsewhere" }),
  ];
  const { stdout, stderr } = await print([gpuView({ processes })]);
  expect(
    stdout
      .split("\n")
      .slice(2)
      .map((line) => line.replace(/ +/g, " ")),
  ).toEqual([
    "",
    "GPU PID USER VRAM AGE WORKER PROGRAM",
    " 0 9 uid 1234 9 GiB 10m 00s (foreign) python",
    " 0 7 ada 2 GiB 10m 00s (foreign) python",
    " 0 11 - 1 GiB - (foreign) (not to be seen from here)",
    " 0 10 - - - (foreign) (another user's, hidden)",
    "",
  ]);
  expect(stderr).toBe("");
  expect((await print([gpuView({ processes })], "--processes")).stdout).toMatch(
    /^ *0 +8 .+ sdxl-1 +python$/m,
  );
});

it("says so when somebody holds memory whom the driver does not name", async () => {
  const { stdout, stderr } = await print([gpuView({ processes: [program({ worker: "sdxl-1" })] })]);
  expect(stdout).not.toContain("PROGRAM");
  expect(stderr).toBe("GPU 0: 1 GiB is held by programs that the driver does not name\n");
});

it("shows what a worker uses of its lease, where that is known", async () => {
  const lease = { worker: "sdxl-1", mode: "shared", vramBytes: 12 * gib, fence: 1 } as const;
  const leases = [
    { ...lease, usedBytes: 3 * gib },
    { ...lease, worker: "embed-2", usedBytes: null },
  ];
  const { stdout } = await print([gpuView({ leases })]);
  expect(stdout).toContain("sdxl-1 (shared, uses 3 GiB), embed-2 (shared)");
});

it("shows links and NUMA nodes where they make a difference", async () => {
  const [a, b, c] = [0, 1, 2].map((index) => gpuView({ index, uuid: `GPU-${index}`, numaNode: 0 })) as [
    GpuView,
    GpuView,
    GpuView,
  ];
  expect((await print([a, b])).stdout).not.toContain("NVLINK");
  expect((await print([a, { ...b, numaNode: 1 }])).stdout).toMatch(/^ +1 +1 +-$/m);
  const linked = [{ ...a, nvlinkPeers: ["GPU-2", "GPU-1"] }, { ...b, nvlinkPeers: ["GPU-0"] }, c];
  const { stdout } = await print(linked);
  expect(stdout).toMatch(/^GPU +NUMA +NVLINK\n +0 +0 +1,2\n +1 +0 +0\n +2 +0 +-$/m);
  expect(JSON.parse((await print(linked, "--json")).stdout).gpus[0]).toMatchObject({
    numaNode: 0,
    nvlinkPeers: ["GPU-2", "GPU-1"],
  });
});

it("says that there are none", async () => {
  expect(await print([])).toMatchObject({ stdout: "", stderr: "no GPUs; orch doctor gpus says why\n" });
});

it("names the boards of MIG instances", async () => {
  const parent = "GPU-0a1b2c3d-0000-0000-0000-000000000000";
  const instance = gpuView({ index: 100, uuid: "MIG-1111", parent });
  const { stdout } = await print([instance, gpuView({ index: 1, uuid: "GPU-bbbb" })]);
  expect(stdout.replace(/ +/g, " ")).toContain(`GPU INSTANCE OF BOARD\n100 MIG-1111 ${parent}\n`);
  expect((await print([gpuView({})])).stdout).not.toContain("INSTANCE");
});
