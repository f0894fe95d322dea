import { Failure } from "../../std/failure.ts";
import { type CudaCall, CudaError, type CudaLibrary } from "./cuda-library.ts";

/**
 * CUprocessState of cuda.h, in its order from 0. The last two came with later drivers: another program's call is under
 * way.
 */
const processStates = ["running", "locked", "checkpointed", "failed", "checkpointing", "restoring"] as const;
export type CudaProcessState = (typeof processStates)[number];

/** The checkpoint functions of cuda.h (CUDA 12.8, driver 570). Each blocks; each throws CudaError. */
export interface CudaCheckpoint {
  /** Refused for a process that CUDA knows nothing of; with which error differs between drivers. */
  state(pid: number): CudaProcessState;
  /** Holds back the process's further CUDA calls and waits for those under way. A time of 0 means for ever. */
  lock(pid: number, timeoutMs: number): void;
  /** Copies all its device memory to host memory and gives up its GPUs. Only of a locked process. */
  checkpoint(pid: number): void;
  /** Back onto the same GPUs; it stays locked. Only of a checkpointed process. */
  restore(pid: number): void;
  unlock(pid: number): void;
}

/** CUDA 12.8 as cuDriverGetVersion writes it: 1000 × major + 10 × minor. Driver 570 brought it. */
const firstVersion = 12_080;

/**
 * Binds the functions and starts the driver, which touches no device memory.
 * @throws Failure worker/no-sleep for a driver that cannot do it, CudaError when it does not start
 */
export function bindCheckpoint(library: CudaLibrary): CudaCheckpoint {
  const need = (name: string, parameters: readonly string[]) => {
    const call = library.bind(name, parameters);
    if (call !== null) return call;
    throw new Failure("worker/no-sleep", `the CUDA driver has no ${name}`, {
      why: "freezing needs driver 570 (CUDA 12.8) or newer",
      hint: "nvidia-smi",
    });
  };
  need("cuInit", ["uint"])(0);
  const version = Buffer.alloc(4);
  need("cuDriverGetVersion", ["void *"])(version);
  const getState = need("cuCheckpointProcessGetState", ["int", "void *"]);
  const lock = need("cuCheckpointProcessLock", ["int", "void *"]);
  const checkpoint = need("cuCheckpointProcessCheckpoint", ["int", "void *"]);
  const restore = need("cuCheckpointProcessRestore", ["int", "void *"]);
  const unlock = need("cuCheckpointProcessUnlock", ["int", "void *"]);
  if (version.readInt32LE() < firstVersion) throw tooOld(version.readInt32LE());
  return {
    state: (pid) => readState(getState, pid),
    lock: (pid, timeoutMs) => lock(pid, lockArguments(timeoutMs)),
    // The other arguments are optional, and orch wants nothing of them: the same GPUs, memory kept in the process.
    checkpoint: (pid) => checkpoint(pid, null),
    restore: (pid) => restore(pid, null),
    unlock: (pid) => unlock(pid, null),
  };
}

function tooOld(version: number): Failure {
  const text = `${Math.trunc(version / 1000)}.${Math.trunc((version % 1000) / 10)}`;
  return new Failure("worker/no-sleep", `the CUDA driver is of version ${text}`, {
    why: "freezing needs driver 570 (CUDA 12.8) or newer",
    hint: "nvidia-smi",
  });
}

/** CUcheckpointLockArgs of cuda.h: unsigned timeoutMs, unsigned reserved0, seven reserved words of 64 bits, all zero. */
function lockArguments(timeoutMs: number): Buffer {
  const struct = Buffer.alloc(64);
  struct.writeUInt32LE(timeoutMs);
  return struct;
}

function readState(getState: CudaCall, pid: number): CudaProcessState {
  const out = Buffer.alloc(4);
  getState(pid, out);
  const number = out.readInt32LE();
  const state = processStates[number];
  if (state === undefined) throw new CudaError("cuCheckpointProcessGetState", `unknown state ${number}`);
  return state;
}
