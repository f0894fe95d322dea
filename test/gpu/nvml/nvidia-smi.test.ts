import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSmiProbe } from "../../../src/gpu/nvml/nvidia-smi.ts";
import { parseSmiGpus, parseSmiLinks, parseSmiProcesses } from "../../../src/gpu/nvml/nvidia-smi-output.ts";

const mib = 2 ** 20;

// Values as drivers print them, in the order of fields that orch asks for.
const h200 =
  "0, GPU-13fd0930-06c3-5975-8720-72c72ee7a823, 143771, 1, 143155, 0, 27, 76.34, 00000000:34:00.0, NVIDIA H200";
const rtx3080 =
  "1, GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816, 10240, 9029, 1211, [N/A], 54, [Not Supported], 00000000:35:00.0, NVIDIA GeForce RTX 3080";
const broken =
  "2, GPU-101b1cf0-fdf7-b374-a62c-76b25134fcf2, [Unknown Error], [Unknown Error], [Unknown Error], [N/A], [N/A], [Unknown Error], 00000000:36:00.0, NVIDIA A100 80GB PCIe";
const noHandle = "Unable to determine the device handle for GPU1: 0000:34:00.0: Unknown Error";

test("a GPU with all its fields", () => {
  expect(parseSmiGpus(`${h200}\n`)).toEqual({
    gpus: [
      {
        pciAddress: "00000000:34:00.0",
        reading: {
          uuid: "GPU-13fd0930-06c3-5975-8720-72c72ee7a823",
          vendor: "nvidia",
          index: 0,
          name: "NVIDIA H200",
          memory: { totalBytes: 143771 * mib, usedBytes: mib, freeBytes: 143155 * mib },
          utilizationPercent: 0,
          temperatureCelsius: 27,
          powerWatts: 76.34,
          health: { ok: true },
          numaNode: null,
          nvlinkPeers: [],
        },
      },
    ],
    trouble: null,
  });
});

test("sensors that a board lacks are null, and do not make it unhealthy", () => {
  expect(parseSmiGpus(rtx3080).gpus[0]?.reading).toMatchObject({
    utilizationPercent: null,
    temperatureCelsius: 54,
    powerWatts: null,
    health: { ok: true },
  });
});

test("a GPU whose memory cannot be read is unhealthy alone", () => {
  const readings = parseSmiGpus([h200, broken].join("\n")).gpus.map(({ reading }) => reading);
  expect(readings.map(({ health }) => health)).toEqual([
    { ok: true },
    { ok: false, detail: "its memory cannot be read: Unknown Error" },
  ]);
  expect(readings[1]?.memory).toEqual({ totalBytes: 0, usedBytes: 0, freeBytes: 0 });
});

test("a line that is no reading is the trouble", () => {
  expect(parseSmiGpus(`${noHandle}\n${h200}\n`)).toMatchObject({
    gpus: [{ reading: { index: 0 } }],
    trouble: noHandle,
  });
});

test("the list of programs", () => {
  const text = [
    "GPU-13fd0930-06c3-5975-8720-72c72ee7a823, 4711, 30214",
    "GPU-13fd0930-06c3-5975-8720-72c72ee7a823, 4712, [N/A]",
    "GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816, 4713, [Insufficient Permissions]",
    "No running processes found",
    "",
  ].join("\n");
  expect(parseSmiProcesses(text)).toEqual([
    { uuid: "GPU-13fd0930-06c3-5975-8720-72c72ee7a823", pid: 4711, vramBytes: 30214 * mib },
    { uuid: "GPU-13fd0930-06c3-5975-8720-72c72ee7a823", pid: 4712, vramBytes: null },
    { uuid: "GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816", pid: 4713, vramBytes: null },
  ]);
});

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "orch-smi-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A real program called nvidia-smi that runs `body`. */
async function writeSmi(body: string): Promise<string> {
  const path = join(dir, "nvidia-smi");
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

test("the program is asked for GPUs and programs", async () => {
  const path = await writeSmi(`case "$1" in
    --query-gpu=*) echo "${h200}"; echo "${rtx3080}" ;;
    --query-compute-apps=*) echo "GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816, ${process.pid}, 512" ;;
  esac`);
  const probe = createSmiProbe(path);
  expect(await probe.read(5000)).toHaveLength(2);
  const lists = await probe.processes(5000);
  expect(lists.get("GPU-13fd0930-06c3-5975-8720-72c72ee7a823")).toEqual([]);
  expect(lists.get("GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816")).toEqual([
    expect.objectContaining({
      pid: process.pid,
      vramBytes: 512 * mib,
      name: expect.any(String),
      uid: process.getuid?.(),
    }),
  ]);
});

const topo = [
  "\t\u001b[4mGPU0\tGPU1\tGPU2\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\u001b[0m",
  "GPU0\t X \tNV12\tSYS\tNODE\t0-31\t0\t\tN/A",
  "GPU1\tNV12\t X \tNODE\tSYS\t0-31\t0\t\tN/A",
  "GPU2\tSYS\tNODE\t X \tPIX\t32-63\t1\t\tN/A",
  "NIC0\tNODE\tSYS\tPIX\t X \t\t\t\t",
  "",
  "Legend:",
  "  NV#  = Connection traversing a bonded set of # NVLinks",
].join("\n");

test("the matrix of links: NVLink between GPUs alone, no PCIe, no network cards", () => {
  expect([...parseSmiLinks(topo)]).toEqual([
    [0, [1]],
    [1, [0]],
    [2, []],
  ]);
  expect([...parseSmiLinks("nvidia-smi: invalid option topo")]).toEqual([]);
});

test("links are asked for once, and a driver that does not tell them has GPUs all the same", async () => {
  const path = await writeSmi(`case "$1" in
    --query-gpu=*) echo "${h200}"; echo "${rtx3080}" ;;
    topo) echo asked >>"$0.asked"; printf '%s' '${topo}' ;;
  esac`);
  const probe = createSmiProbe(path);
  await probe.read(5000);
  const peers = (await probe.read(5000)).map(({ nvlinkPeers }) => nvlinkPeers);
  expect(peers).toEqual([
    ["GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816"],
    ["GPU-13fd0930-06c3-5975-8720-72c72ee7a823"],
  ]);
  expect(await readFile(`${path}.asked`, "utf8")).toBe("asked\n");
  await writeSmi(`case "$1" in --query-gpu=*) echo "${h200}"; echo "${rtx3080}" ;; *) exit 6 ;; esac`);
  expect((await createSmiProbe(path).read(5000)).map(({ nvlinkPeers }) => nvlinkPeers)).toEqual([[], []]);
});

test("a GPU that goes missing with a complaint stays, unhealthy", async () => {
  const probe = createSmiProbe(await writeSmi(`echo "${h200}"; echo "${rtx3080}"`));
  await probe.read(5000);
  await writeSmi(`echo "${noHandle}"; echo "${h200}"; exit 15`);
  expect(await probe.read(5000)).toMatchObject([
    { index: 0, health: { ok: true } },
    { index: 1, health: { ok: false, detail: noHandle }, memory: { totalBytes: 10240 * mib, freeBytes: 0 } },
  ]);
});

test("a driver that is not there is a Failure with its words", async () => {
  const words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
  const probe = createSmiProbe(await writeSmi(`echo "${words}"; exit 9`));
  await expect(probe.read(5000)).rejects.toMatchObject({ code: "gpu/unavailable", why: words });
  await expect(probe.processes(5000)).rejects.toMatchObject({ code: "gpu/unavailable", why: words });
});

test("a program that is absent is a Failure", async () => {
  await expect(createSmiProbe(join(dir, "absent")).read(5000)).rejects.toMatchObject({
    code: "gpu/unavailable",
    why: expect.stringContaining("ENOENT"),
  });
});

test("a program that hangs is left at the deadline", async () => {
  const probe = createSmiProbe(await writeSmi("exec sleep 600"));
  const startMs = performance.now();
  await expect(probe.read(200)).rejects.toMatchObject({
    code: "gpu/unavailable",
    message: "nvidia-smi gave no answer within 200 ms",
  });
  expect(performance.now() - startMs).toBeLessThan(5000);
});

test("a board in MIG mode cannot be used: nobody tells here how much its instances have", async () => {
  const list = [
    "GPU 0: NVIDIA A100 (UUID: GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816)",
    "GPU 1: NVIDIA H200 (UUID: GPU-13fd0930-06c3-5975-8720-72c72ee7a823)",
    "  MIG 1g.18gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)",
  ].join("\n");
  const path = await writeSmi(`case "$1" in
    --query-gpu=*) echo "${h200}"; echo "${rtx3080}" ;;
    -L) echo '${list}' ;;
  esac`);
  expect((await createSmiProbe(path).read(5000)).map(({ health }) => health)).toEqual([
    { ok: false, detail: "it is in MIG mode: its instances can be used through NVML only" },
    { ok: true },
  ]);
});
