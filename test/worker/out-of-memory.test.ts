import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { saysOutOfMemory } from "../../src/worker/out-of-memory.ts";
import { type PythonWorker, startReadyWorker } from "../kit/python-worker.ts";

describe("what a GPU program says when its memory is too small", () => {
  it.each([
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of …",
    "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 20.00 MiB",
    "RuntimeError: CUDA error: out of memory",
    "CUDA error 2: out of memory",
    "cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 8,000,000,000 bytes",
    "numba.cuda.cudadrv.driver.CudaAPIError: [2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY",
    "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory",
    "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes.",
    "ResourceExhaustedError: OOM when allocating tensor with shape[64,512,512,3]",
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
  ])("is known: %s", (text) => expect(saysOutOfMemory(text)).toBe(true));

  it.each([
    "MemoryError",
    "java.lang.OutOfMemoryError: Java heap space",
    "ValueError: out of range",
    "RuntimeError: CUDA error: an illegal memory access was encountered",
    "grpc: RESOURCE_EXHAUSTED: received message larger than max",
    "DataLoader worker (pid 7) is killed by signal: Killed.",
    "triton.runtime.errors.OutOfResources: out of resource: shared memory",
  ])("is not taken for it: %s", (text) => expect(saysOutOfMemory(text)).toBe(false));
});

describe("a handler", () => {
  let worker: PythonWorker;
  let nextJobId = 1;
  beforeAll(async () => {
    worker = await startReadyWorker();
  });
  afterAll(() => worker[Symbol.asyncDispose]());

  it.each([
    [{ do: "out-of-memory" }, "out-of-memory", /OutOfMemoryError: no room/],
    [{ do: "caused-by-out-of-memory" }, "out-of-memory", /ValueError: the image/],
    [{ do: "say", text: "CUDA error: out of memory" }, "out-of-memory", /CUDA error/],
    [{ do: "say", text: "no such prompt" }, undefined, /no such prompt/],
    [{ do: "host-memory" }, undefined, /MemoryError/],
  ])("that fails by %j has the cause %s", async (params, cause, message) => {
    const outcome = await worker.run(nextJobId++, params).outcome;
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringMatching(message) });
    expect("cause" in outcome ? outcome.cause : undefined).toBe(cause);
  });
});
