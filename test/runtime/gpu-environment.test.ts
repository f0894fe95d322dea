import { describe, expect, it } from "vitest";
import { gpuEnvironment } from "../../src/runtime/gpu-environment.ts";
import { Failure } from "../../src/std/failure.ts";
import { blocksIn } from "../kit/document-blocks.ts";
import { runtimeFrom } from "./runtime-from.ts";

const amd = { vendor: "amd", visibleAs: "GPU-02c7c4ed9d6f0a1e" } as const;
const nvidia = { vendor: "nvidia", visibleAs: "GPU-1" } as const;

describe("the variables that show GPUs", () => {
  it("are NVIDIA's alone where there is nothing else, and hide all where there is no lease", () => {
    const order = { CUDA_DEVICE_ORDER: "PCI_BUS_ID" };
    expect(gpuEnvironment([nvidia, { ...nvidia, visibleAs: "GPU-2" }], new Set(["nvidia"]))).toEqual({
      ...order,
      CUDA_VISIBLE_DEVICES: "GPU-1,GPU-2",
    });
    expect(gpuEnvironment([], new Set())).toEqual({ ...order, CUDA_VISIBLE_DEVICES: "" });
  });

  it("are AMD's alone on a host of AMD: ROCm reads CUDA_VISIBLE_DEVICES too", () => {
    expect(gpuEnvironment([amd, { vendor: "amd", visibleAs: "1" }], new Set(["amd"]))).toEqual({
      ROCR_VISIBLE_DEVICES: "GPU-02c7c4ed9d6f0a1e,1",
    });
  });

  it("hide the other vendor's GPUs on a host of both", () => {
    const both = new Set(["nvidia", "amd"] as const);
    expect(gpuEnvironment([amd], both)).toMatchObject({
      CUDA_VISIBLE_DEVICES: "",
      ROCR_VISIBLE_DEVICES: "GPU-02c7c4ed9d6f0a1e",
    });
    expect(gpuEnvironment([nvidia], both)).toMatchObject({
      CUDA_VISIBLE_DEVICES: "GPU-1",
      ROCR_VISIBLE_DEVICES: "",
    });
    expect(gpuEnvironment([], both)).toMatchObject({ CUDA_VISIBLE_DEVICES: "", ROCR_VISIBLE_DEVICES: "" });
  });
});

describe("gpu in runtime.yaml", () => {
  it("is as the document shows it", () => {
    const shown = blocksIn("docs/gpus.md", "yaml").filter((block) => block.startsWith("gpu:"));
    expect(shown.map((text) => runtimeFrom(text).gpu)).toEqual([
      { count: 1, mode: "exclusive", vramBytes: null, vendor: "amd", mps: null },
      { count: 1, mode: "shared", vramBytes: 8 * 2 ** 30, vendor: null, mps: { isOn: true, threads: 50 } },
    ]);
    const shared = "mode: shared, vram: 1GiB";
    expect(runtimeFrom(`gpu: { ${shared}, mps: true }`).gpu.mps).toEqual({ isOn: true, threads: null });
    expect(runtimeFrom(`gpu: { ${shared}, mps: false }`).gpu.mps).toEqual({ isOn: false, threads: null });
  });

  it.each([
    ["gpu: { vendor: intel }", /gpu\.vendor/],
    ["gpu: { mps: true }", /for processes with mode shared on GPUs of NVIDIA/],
    ["gpu: { mode: shared, vram: 1GiB, vendor: amd, mps: true }", /on GPUs of NVIDIA/],
    ["gpu: { mode: shared, vram: 1GiB, mps: { threads: 101 } }", /gpu\.mps/],
    ["gpu: { mode: shared, vram: 1GiB, mps: { thread: 50 } }", /gpu\.mps/],
    ["env: { ROCR_VISIBLE_DEVICES: 0 }", /is set by orch itself/],
    ["env: { CUDA_MPS_PIPE_DIRECTORY: /tmp }", /is set by orch itself/],
  ])("refuses %s", (text, words) => {
    expect(refusalOf(text)).toMatch(words);
  });
});

function refusalOf(text: string): string {
  try {
    runtimeFrom(text);
  } catch (error) {
    if (error instanceof Failure) return error.sentence;
    throw error;
  }
  throw new Error("this was accepted");
}
