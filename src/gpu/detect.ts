import { Failure, toFailure } from "../std/failure.ts";
import { createAmdProbe, hasAmdGpu } from "./amd/amd.ts";
import { joinProbes } from "./joined.ts";
import { createNoneProbe } from "./none.ts";
import { createSmiProbe } from "./nvml/nvidia-smi.ts";
import { createNvmlProbe, type NvmlProbe, type NvmlProbeOptions } from "./nvml/nvml.ts";
import type { GpuProbe } from "./probe.ts";
import { createVirtualProbe } from "./virtual/virtual.ts";

export interface DetectOptions extends NvmlProbeOptions {
  /** Default: nvidia-smi in PATH. */
  readonly nvidiaSmi?: string | undefined;
  /** How long each way may take to show its GPUs at first; waking sleeping boards takes seconds. */
  readonly deadlineMs?: number | undefined;
  /** The built helper of AMD. Default: dist/amd-helper.js of this package. */
  readonly amdHelperPath?: string | undefined;
}

/** The way chosen, and one sentence on which and why. */
export interface Detection {
  readonly probe: GpuProbe;
  readonly detail: string;
}

/**
 * Makes the probe that `option` names: auto, nvml, nvidia-smi, amd, none or virtual:….
 *
 * "auto" takes NVML, else nvidia-smi, for NVIDIA, and joins what the driver of AMD shows where there is an AMD GPU; else none. Where libnvidia-ml is there but the driver does not answer, it
 * stays with NVML: a driver that is still loading, or sick, must show as GPUs that cannot be used yet, not as a
 * host that has none. The same holds for a way that was asked for by name.
 * @throws Failure usage/invalid for another option.
 */
export async function createProbe(option: string, options: DetectOptions = {}): Promise<Detection> {
  if (option.startsWith("virtual:")) {
    return { probe: createVirtualProbe(option), detail: `GPUs that exist on paper only, ${option}` };
  }
  switch (option) {
    case "none":
      return { probe: createNoneProbe(), detail: "no GPUs, as the option says" };
    case "nvml":
      return (await tryNvml(createNvmlProbe(options), options)).detection;
    case "nvidia-smi":
      return (await tryProbe(createSmiProbe(options.nvidiaSmi), options)).detection;
    case "amd":
      return (await tryProbe(amdProbe(options), options)).detection;
    case "auto":
      return detect(options);
    default:
      throw new Failure("usage/invalid", `"${option}" is no way to see GPUs`, {
        hint: "use auto, nvml, nvidia-smi, amd, none, or virtual:2x24GiB",
      });
  }
}

function sysfsOf({ sysfs, env = process.env }: DetectOptions): string {
  return sysfs ?? env["ORCH_SYSFS"] ?? "/sys";
}

function amdProbe(options: DetectOptions): GpuProbe {
  return createAmdProbe({ helperPath: options.amdHelperPath, sysfs: sysfsOf(options), clock: options.clock });
}

async function detect(options: DetectOptions): Promise<Detection> {
  if (!hasAmdGpu(sysfsOf(options))) return detectNvidia(options);
  const [nvidia, amd] = await Promise.all([detectNvidia(options), tryProbe(amdProbe(options), options)]);
  // Graphics inside the processor alone make no second vendor.
  const isAmdIdle = amd.why === null && amd.count === 0;
  if (isAmdIdle || nvidia.probe.kind === "none") {
    const [taken, left] = isAmdIdle ? [nvidia, amd.detection] : [amd.detection, nvidia];
    await left.probe.close();
    return taken;
  }
  return {
    probe: joinProbes(nvidia.probe, amd.detection.probe),
    detail: `${nvidia.detail}; ${amd.detection.detail}`,
  };
}

async function detectNvidia(options: DetectOptions): Promise<Detection> {
  const nvml = createNvmlProbe(options);
  const viaNvml = await tryNvml(nvml, options);
  if (viaNvml.why === null) return viaNvml.detection;
  const viaSmi = await tryProbe(createSmiProbe(options.nvidiaSmi), options);
  if (viaSmi.why === null) {
    await nvml.close();
    return {
      ...viaSmi.detection,
      detail: `${viaSmi.detection.detail}, because NVML cannot be used: ${viaNvml.why}`,
    };
  }
  if (nvml.isInstalled()) return viaNvml.detection;
  await nvml.close();
  return { probe: createNoneProbe(), detail: `no GPUs: ${viaNvml.why}; ${viaSmi.why}` };
}

interface Attempt {
  readonly detection: Detection;
  /** Null when the reading went well, else the reason. */
  readonly why: string | null;
  /** GPUs seen. */
  readonly count: number;
}

async function tryNvml(probe: NvmlProbe, options: DetectOptions): Promise<Attempt> {
  const { detection, why, count } = await tryProbe(probe, options);
  const driver = probe.driverVersion();
  return {
    why,
    count,
    detection: driver === null ? detection : { probe, detail: `${detection.detail} (driver ${driver})` },
  };
}

/** Reads once through `probe`, and says what came of it. */
async function tryProbe(probe: GpuProbe, { deadlineMs = 15_000 }: DetectOptions): Promise<Attempt> {
  try {
    const { length } = await probe.read(deadlineMs);
    return {
      detection: { probe, detail: `${length} ${length === 1 ? "GPU" : "GPUs"} through ${probe.kind}` },
      why: null,
      count: length,
    };
  } catch (error) {
    const failure = toFailure(error);
    const why = failure.why === undefined ? failure.message : `${failure.message} (${failure.why})`;
    return { detection: { probe, detail: `${probe.kind} shows no GPUs yet: ${why}` }, why, count: 0 };
  }
}
