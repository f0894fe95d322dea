import type { GpuVendor } from "../scheduler/model.ts";

/** A GPU of a lease, as the variables of its vendor take it. */
export interface VisibleGpu {
  readonly vendor: GpuVendor | null;
  /** Its UUID, or for AMD boards that have none its index. */
  readonly visibleAs: string;
}

/** What shows GPUs to programs, or hides them: nobody but orch sets these. */
export const gpuVariables: readonly string[] = [
  "CUDA_VISIBLE_DEVICES",
  "CUDA_DEVICE_ORDER",
  "NVIDIA_VISIBLE_DEVICES",
  "ROCR_VISIBLE_DEVICES",
  "HIP_VISIBLE_DEVICES",
  "GPU_DEVICE_ORDINAL",
];

/**
 * The variables that show a program its GPUs and hide all others, those of the other vendor as well. An empty value hides
 * every GPU; a variable that is not set would show them all. HIP_VISIBLE_DEVICES and GPU_DEVICE_ORDINAL are left unset: they
 * choose anew among what ROCR_VISIBLE_DEVICES shows. So does CUDA_VISIBLE_DEVICES with ROCm, so a program on AMD GPUs gets
 * it only where there are NVIDIA GPUs to hide (ROCm, "GPU isolation techniques").
 * @param host the vendors of this host's GPUs
 */
export function gpuEnvironment(
  gpus: readonly VisibleGpu[],
  host: ReadonlySet<GpuVendor | null>,
): Record<string, string> {
  const listOf = (isAmd: boolean): string =>
    gpus
      .filter(({ vendor }) => (vendor === "amd") === isAmd)
      .map(({ visibleAs }) => visibleAs)
      .join(",");
  const amd = listOf(true);
  return {
    // Bus order makes CUDA's numbering that of nvidia-smi; UUIDs are right under any numbering.
    ...(amd === "" || host.has("nvidia")
      ? { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: listOf(false) }
      : {}),
    ...(amd !== "" || host.has("amd") ? { ROCR_VISIBLE_DEVICES: amd } : {}),
  };
}
