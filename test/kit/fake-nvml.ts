import { execFile } from "node:child_process";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** One GPU of the fake driver. */
export interface FakeGpu {
  readonly uuid: string;
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly name?: string;
  /** An nvmlReturn_t that every call on this GPU answers. */
  readonly error?: number;
  /** An nvmlReturn_t that every call but those for name and UUID answers. */
  readonly memoryError?: number;
  /** False: no utilisation, temperature and power. */
  readonly sensors?: boolean;
  /** From `atMs` (epoch) on this much is in use. */
  readonly release?: { readonly atMs: number; readonly usedBytes: number };
  readonly processes?: readonly { readonly pid: number; readonly vramBytes: number | null }[];
  /** Where it hangs on the PCI bus, in the device's numbers. Without: NVML does not support the question. */
  readonly pci?: { readonly domain: number; readonly bus: number; readonly device: number };
  /** Errors it had, oldest first; each is told once. */
  readonly xids?: readonly number[];
  /** It is in MIG mode, with these instances. */
  readonly instances?: readonly FakeInstance[];
  /** UUIDs of the GPUs with an NVLink to it; one of the two need name it. */
  readonly links?: readonly string[];
}

export interface FakeInstance {
  readonly number: number;
  readonly uuid: string;
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly processes?: FakeGpu["processes"];
}

export interface FakeScenario {
  readonly gpus?: readonly FakeGpu[];
  /** What nvmlInit_v2 answers. */
  readonly initError?: number;
  /** What nvmlDeviceGetCount_v2 answers: any but 0 fails every reading. */
  readonly countError?: number;
  /** The C function that never returns. */
  readonly hang?: string;
}

/** A built libnvidia-ml.so.1 and the scenario it plays. */
export interface FakeNvml {
  readonly libraryPath: string;
  /** The environment for a helper that opens it. */
  readonly env: NodeJS.ProcessEnv;
  /** Changes the hardware from the next call on. */
  play(scenario: FakeScenario): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Why tests against the fake library cannot run here, or null. With ORCH_REQUIRE=1 it throws instead, so that a
 * machine that is meant to run them all cannot pass by skipping.
 */
export async function whyNoFakeNvml(): Promise<string | null> {
  const why = (await findMissing()) ?? null;
  if (why !== null && process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
  return why;
}

async function findMissing(): Promise<string | undefined> {
  try {
    createRequire(import.meta.url)("koffi");
  } catch {
    return "koffi cannot be loaded";
  }
  return promisify(execFile)("cc", ["--version"]).then(
    () => undefined,
    () => "there is no C compiler (cc)",
  );
}

/** Builds the fake library in a temporary folder. `old`: it lacks what drivers before 510 lacked. */
export async function buildFakeNvml({ old = false } = {}): Promise<FakeNvml> {
  const dir = await mkdtemp(join(tmpdir(), "orch-nvml-"));
  const libraryPath = join(dir, "libnvidia-ml.so.1");
  const source = join(import.meta.dirname, "../fixtures/nvml/fake-nvml.c");
  const flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", ...(old ? ["-DOLD"] : [])];
  await promisify(execFile)("cc", [...flags, "-o", libraryPath, source]);
  const scenarioPath = join(dir, "scenario");
  return {
    libraryPath,
    env: { ...process.env, ORCH_NVML_LIBRARY: libraryPath, ORCH_FAKE_NVML: scenarioPath },
    play: async (scenario) => {
      // Replaced in one step: the library may be reading it.
      await writeFile(`${scenarioPath}.new`, formatScenario(scenario));
      await rename(`${scenarioPath}.new`, scenarioPath);
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** The scenario as fake-nvml.c reads it: GPUs first, what is on them after. */
function formatScenario({ gpus = [], initError = 0, countError = 0, hang }: FakeScenario): string {
  const lines = [`init ${initError}`, `count ${countError}`];
  if (hang !== undefined) lines.push(`hang ${hang}`);
  for (const gpu of gpus) {
    const error = gpu.memoryError === undefined ? (gpu.error ?? 0) : -gpu.memoryError;
    const sensors = gpu.sensors === false ? 0 : 1;
    lines.push(
      `gpu ${gpu.uuid} ${gpu.totalBytes} ${gpu.usedBytes} ${error} ${sensors} ${gpu.name ?? "NVIDIA H200"}`,
    );
  }
  for (const [index, { release, processes = [], pci, links = [], xids = [] }] of gpus.entries()) {
    for (const xid of xids) lines.push(`xid ${index} ${xid}`);
    if (pci) lines.push(`pci ${index} ${pci.domain} ${pci.bus} ${pci.device}`);
    for (const uuid of links) lines.push(`link ${index} ${gpus.findIndex((gpu) => gpu.uuid === uuid)}`);
    if (release) lines.push(`release ${index} ${release.atMs} ${release.usedBytes}`);
    for (const { pid, vramBytes } of processes) lines.push(`proc ${index} ${pid} ${vramBytes ?? -1}`);
  }
  const instances = gpus.flatMap((gpu, index) => (gpu.instances ?? []).map((each) => ({ ...each, index })));
  for (const [index, gpu] of gpus.entries()) if (gpu.instances) lines.push(`mig ${index}`);
  for (const { index, number, uuid, totalBytes, usedBytes } of instances)
    lines.push(`inst ${index} ${number} ${totalBytes} ${usedBytes} ${uuid} NVIDIA H200 MIG 1g.18gb`);
  for (const [at, { processes = [] }] of instances.entries())
    for (const { pid, vramBytes } of processes)
      lines.push(`proc ${gpus.length + at} ${pid} ${vramBytes ?? -1}`);
  return `${lines.join("\n")}\n`;
}
