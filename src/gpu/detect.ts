import { Failure, toFailure } from "../std/failure.ts";
import { createNoneProbe } from "./none.ts";
import { createSmiProbe } from "./nvidia-smi.ts";
import { createNvmlProbe, type NvmlProbe, type NvmlProbeOptions } from "./nvml.ts";
import type { GpuProbe } from "./probe.ts";
import { createVirtualProbe } from "./virtual.ts";

export interface DetectOptions extends NvmlProbeOptions {
  /** Default: nvidia-smi in PATH. */
  readonly nvidiaSmi?: string | undefined;
  /** How long each way may take to show its GPUs at first; waking sleeping boards takes seconds. */
  readonly deadlineMs?: number | undefined;
}

/** The way chosen, and one sentence on which and why. */
export interface Detection {
  readonly probe: GpuProbe;
  readonly detail: string;
}

/**
 * Makes the probe that `option` names: auto, nvml, nvidia-smi, none or virtual:….
 *
 * "auto" takes NVML, else nvidia-smi, else none. Where libnvidia-ml is there but the driver does not answer, it
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
    case "auto":
      return detect(options);
    default:
      throw new Failure("usage/invalid", `"${option}" is no way to see GPUs`, {
        hint: "use auto, nvml, nvidia-smi, none, or virtual:2x24GiB",
      });
  }
}

async function detect(options: DetectOptions): Promise<Detection> {
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
}

async function tryNvml(probe: NvmlProbe, options: DetectOptions): Promise<Attempt> {
  const { detection, why } = await tryProbe(probe, options);
  const driver = probe.driverVersion();
  return {
    why,
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
    };
  } catch (error) {
    const failure = toFailure(error);
    const why = failure.why === undefined ? failure.message : `${failure.message} (${failure.why})`;
    return { detection: { probe, detail: `${probe.kind} shows no GPUs yet: ${why}` }, why };
  }
}
