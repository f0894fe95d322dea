/**
 * How GPU programs say that a GPU's memory was too small for them. Memory of the host is another matter: a larger
 * lease would not help, so Java's OutOfMemoryError and Python's plain MemoryError are not here.
 */
const PATTERNS: readonly RegExp[] = [
  // PyTorch, c10/cuda/CUDACachingAllocator.cpp; the same with HIP and XPU.
  /\b(?:CUDA|HIP|XPU) out of memory\b/i,
  // PyTorch's torch.OutOfMemoryError and CuPy's cupy.cuda.memory.OutOfMemoryError, by name in a traceback.
  /(?<!java\.lang\.)\bOutOfMemoryError\b/,
  // cudaGetErrorString(cudaErrorMemoryAllocation), as PyTorch and plain CUDA programs print it.
  /\b(?:CUDA|HIP) (?:runtime |driver )?error:? (?:\d+:? )?out of memory\b/i,
  // Names of the driver and runtime APIs: Numba, PyCUDA, TensorFlow, TensorRT.
  /\bCUDA_ERROR_OUT_OF_MEMORY\b|\bcudaErrorMemoryAllocation\b|\bhipErrorOutOfMemory\b/,
  // llama.cpp, ggml-cuda.cu: "cudaMalloc failed: out of memory".
  /\b(?:cuda|hip)Malloc\w* failed: out of memory\b/i,
  // XLA (JAX): "RESOURCE_EXHAUSTED: Out of memory …"; TensorFlow: "OOM when allocating tensor". gRPC uses the code too.
  /\bRESOURCE_EXHAUSTED\b.{0,80}(?:out of memory|allocat)/i,
  /\bOOM when allocating tensor\b/,
  // cuBLAS and cuDNN, which need room of their own.
  /\bCU(?:BLAS|DNN)_STATUS_ALLOC_FAILED\b/,
];

/** Whether these words of a program, or the end of its log, say that the GPU's memory was too small. */
export function saysOutOfMemory(text: string): boolean {
  return PATTERNS.some((pattern) => pattern.test(text));
}
