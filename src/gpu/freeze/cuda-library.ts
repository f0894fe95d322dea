import { createRequire } from "node:module";
import { Failure } from "../../std/failure.ts";

/** A call that the CUDA driver refused. */
export class CudaError extends Error {
  override readonly name = "CudaError";
  /** The C function. */
  readonly call: string;
  /** The name of the CUresult in cuda.h ("CUDA_ERROR_NOT_SUPPORTED"). */
  readonly result: string;

  constructor(call: string, result: string) {
    super(`${call}: ${result}`);
    this.call = call;
    this.result = result;
  }
}

/** One C function of the driver. Blocks until it returns. @throws CudaError */
export type CudaCall = (...args: readonly (number | Buffer | null)[]) => void;

/** The CUDA driver library. */
export interface CudaLibrary {
  /** Gives a C function its types; null when this driver does not have it. */
  bind(name: string, parameters: readonly string[]): CudaCall | null;
}

/** Where drivers put the library: the loader's own search, then WSL, then NixOS. */
const usualPaths = [
  "libcuda.so.1",
  "/usr/lib/wsl/lib/libcuda.so.1",
  "/run/opengl-driver/lib/libcuda.so.1",
] as const;

/**
 * Opens libcuda. It belongs into a helper process alone: a call may hang for ever in the driver.
 * @param path of the library, or null for the usual places.
 * @throws Failure native/missing when koffi is absent, gpu/unavailable when the library is.
 */
export function openCudaLibrary(path: string | null): CudaLibrary {
  const koffi = requireKoffi();
  const library = openFirst(koffi.load, path === null ? usualPaths : [path]);
  const errorName = library.func("int cuGetErrorName(int error, _Out_ const char **name)");
  return {
    bind(name, parameters) {
      try {
        const call = library.func(name, "int", [...parameters]);
        return (...args) => {
          const code: number = call(...args);
          if (code !== 0) throw new CudaError(name, nameOf(errorName, code));
        };
      } catch {
        // Koffi throws for a symbol that the library does not have: an older driver.
        return null;
      }
    },
  };
}

/** The name of a CUresult; its number where this driver has no name for it. */
function nameOf(errorName: (code: number, out: (string | null)[]) => number, code: number): string {
  const out: (string | null)[] = [null];
  errorName(code, out);
  return out[0] ?? `CUDA error ${code}`;
}

function requireKoffi(): typeof import("koffi") {
  try {
    return createRequire(import.meta.url)("koffi");
  } catch (error) {
    throw new Failure("native/missing", "the module koffi cannot be loaded", {
      why: firstLine(error),
      hint: "npm rebuild koffi",
      cause: error,
    });
  }
}

function openFirst<T>(load: (path: string) => T, paths: readonly string[]): T {
  const reasons: string[] = [];
  for (const path of paths) {
    try {
      return load(path);
    } catch (error) {
      reasons.push(firstLine(error));
    }
  }
  throw new Failure("gpu/unavailable", `the CUDA driver library ${paths[0]} cannot be loaded`, {
    why: reasons[0],
    hint: "nvidia-smi",
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
