import type { LibraryHandle } from "koffi";
import { Failure } from "../../std/failure.ts";

/** A call that NVML refused. `message` is NVML's own text for the code. */
export class NvmlError extends Error {
  override readonly name = "NvmlError";
  /** An nvmlReturn_t of nvml.h. */
  readonly code: number;

  constructor(code: number, text: string) {
    super(`${text} (NVML error ${code})`);
    this.code = code;
  }
}

export type NvmlArgument = Buffer | bigint | number;

/** One C function of NVML. Rejects with NvmlError; has no deadline of its own. */
export type NvmlCall = (...args: NvmlArgument[]) => Promise<void>;

/**
 * Gives a C function its types. Of `names` the first that this driver has is taken; when it has none, the call
 * rejects with `functionNotFound`.
 */
export type NvmlBind = (names: readonly string[], parameters: readonly string[]) => NvmlCall;

/** NVML_ERROR_FUNCTION_NOT_FOUND. */
const functionNotFound = 13;

/** Where drivers put the library: the loader's own search, then WSL, then NixOS. */
const usualPaths = [
  "libnvidia-ml.so.1",
  "/usr/lib/wsl/lib/libnvidia-ml.so.1",
  "/run/opengl-driver/lib/libnvidia-ml.so.1",
];

/**
 * Opens libnvidia-ml. The one place that does; it belongs into the helper process alone, because a call may hang
 * for ever in the kernel. Calls run on koffi's worker threads so that the helper still sees its stdin close.
 * @param path of the library, or null for the usual places.
 * @throws Failure native/missing when koffi is absent, gpu/unavailable when the library is.
 */
export async function openNvmlLibrary(path: string | null): Promise<NvmlBind> {
  const koffi = await import("koffi").catch((error: unknown) => {
    throw new Failure("native/missing", "the module koffi cannot be loaded", {
      why: firstLine(error),
      hint: "npm rebuild koffi",
      cause: error,
    });
  });
  // NVML is written for ordinary thread stacks; koffi's 128 KiB for asynchronous calls could overflow.
  koffi.config({ async_stack_size: 2 ** 21 });
  const library = openFirst(koffi.load, path === null ? usualPaths : [path]);
  const errorString = library.func("nvmlErrorString", "str", ["int"]);
  return (names, parameters) => {
    const call = bindFirst(library, names, parameters);
    return async (...args) => {
      const code = call ? await call(args) : functionNotFound;
      if (code !== 0) throw new NvmlError(code, String(errorString(code)));
    };
  };
}

function openFirst(load: (path: string) => LibraryHandle, paths: readonly string[]): LibraryHandle {
  const reasons: string[] = [];
  for (const path of paths) {
    try {
      return load(path);
    } catch (error) {
      reasons.push(firstLine(error));
    }
  }
  throw new Failure("gpu/unavailable", `the NVIDIA library ${paths[0]} cannot be loaded`, {
    why: reasons[0],
    hint: "nvidia-smi (it needs the same library, and names what is wrong with the driver)",
  });
}

/** The first of `names` that the library has, run on a worker thread; null when it has none. */
function bindFirst(
  library: LibraryHandle,
  names: readonly string[],
  parameters: readonly string[],
): ((args: readonly NvmlArgument[]) => Promise<number>) | null {
  for (const name of names) {
    try {
      const call = library.func(name, "int", [...parameters]);
      return (args) =>
        new Promise((resolve, reject) => {
          call.async(...args, (error: unknown, code: number) => (error ? reject(error) : resolve(code)));
        });
    } catch {
      // Koffi throws for a symbol that the library does not have: an older driver.
    }
  }
  return null;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
