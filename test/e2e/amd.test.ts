import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFakeSysfs, type FakeSysfs } from "../kit/fake-sysfs.ts";
import { type Host, startHost } from "../kit/host.ts";

// The whole daemon on AMD GPUs: the kernel's files are made up, all in front of them is real.

const GIB = 2 ** 30;
const board = { pci: { bus: 0x03 }, totalBytes: 64 * GIB, usedBytes: 0, uniqueId: 0xabn };
const plain = { pci: { bus: 0x04 }, totalBytes: 24 * GIB, usedBytes: 0, uniqueId: 0n };
const orUnset = (name: string): string => `$(printenv ${name} || echo unset)`;
const show = `echo "rocr=$ROCR_VISIBLE_DEVICES cuda=${orUnset("CUDA_VISIBLE_DEVICES")} hip=${orUnset("HIP_VISIBLE_DEVICES")}"`;

describe("a daemon on AMD GPUs", () => {
  let sysfs: FakeSysfs;
  beforeEach(() => {
    sysfs = createFakeSysfs();
  });
  afterEach(() => sysfs.remove());

  const start = (): Promise<Host> => startHost({ gpus: "amd", env: { ORCH_SYSFS: sysfs.root } });
  const said = async (host: Host, job: number): Promise<string> =>
    (await host.cli("logs", String(job))).stdout.trim();

  it("shows programs their GPUs by what ROCm takes, and nothing that would choose anew", async () => {
    sysfs.play([board, plain]);
    await using host = await start();
    const { gpus } = await host.client.call("GET /gpus", {});
    expect(gpus.map(({ uuid, vendor }) => [uuid, vendor])).toEqual([
      ["GPU-00000000000000ab", "amd"],
      ["GPU-amd-0000:04:00.0", "amd"],
    ]);
    const env = { HIP_VISIBLE_DEVICES: "3", CUDA_VISIBLE_DEVICES: "2", ROCR_VISIBLE_DEVICES: "5" };
    const large = await host.sh(show, { gpus: 1, vramBytes: 40 * GIB, env });
    await host.until(large.id, "succeeded");
    expect(await said(host, large.id)).toBe("rocr=GPU-00000000000000ab cuda=unset hip=unset");
    const both = await host.sh(show, { gpus: 2, vramBytes: 20 * GIB });
    await host.until(both.id, "succeeded");
    expect(await said(host, both.id)).toMatch(/^rocr=(GPU-0+ab,1|1,GPU-0+ab) cuda=unset hip=unset$/);
    const none = await host.sh(show, { env });
    await host.until(none.id, "succeeded");
    expect(await said(host, none.id)).toBe("rocr= cuda= hip=unset");
  });

  it("refuses a runtime for NVIDIA, and a board that falls silent is not granted", async () => {
    sysfs.play([board]);
    await using host = await start();
    const yaml = "name: cuda\nprotocol: exec\ncommand: [nvcc]\ngpu: { vendor: nvidia }\n";
    host.addRuntime("cuda", yaml);
    const refused = await host.cli("submit", "cuda");
    expect(refused.stderr).toMatch(/needs a GPU of NVIDIA; this host has GPU 0 with 64 GiB/);
    sysfs.write("class/drm/card0/device/mem_info_vram_used", "-\n");
    const { gpus } = await host.client.call("GET /gpus", { processes: true });
    expect(gpus[0]).toMatchObject({ healthy: false, detail: 'mem_info_vram_used says "-"' });
    const job = await host.sh(show, { gpus: 1, vramBytes: GIB });
    const { reason } = await host.client.call("GET /jobs/:job/why", { job: job.id });
    expect(reason?.code).toBe("gpu-unavailable");
    sysfs.play([board]);
    await host.until(job.id, "succeeded");
  });
});
