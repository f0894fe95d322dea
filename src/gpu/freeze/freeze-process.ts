import { Failure } from "../../std/failure.ts";
import type { CudaCheckpoint, CudaProcessState } from "./cuda-checkpoint.ts";
import { CudaError } from "./cuda-library.ts";
import type { FreezeStep } from "./freeze-wire.ts";

/** What the steps need besides the driver. */
export interface FreezeTools {
  readonly cuda: CudaCheckpoint;
  readonly monotonicMs: () => number;
  /** Blocks for so long. */
  readonly pause: (ms: number) => void;
  /** False once whoever asked is gone: another may be at the same processes by then. */
  readonly isWanted: () => boolean;
}

const POLL_MS = 20;

interface Known {
  readonly pid: number;
  readonly state: CudaProcessState;
}

/**
 * Locks those of the processes that use CUDA and moves their device memory to host memory, from whatever state an earlier
 * try left them in. One that cannot be checkpointed is unlocked again, so that it can end in order.
 * @throws Failure worker/failed when none of them uses CUDA; CudaError
 */
export function freezeProcesses(
  tools: FreezeTools,
  pids: readonly number[],
  lockTimeoutMs: number,
): FreezeStep[] {
  const steps: FreezeStep[] = [];
  for (const known of cudaProcesses(tools, pids)) freeze(tools, steps, known, lockTimeoutMs);
  return steps;
}

function freeze(tools: FreezeTools, steps: FreezeStep[], { pid, state }: Known, lockTimeoutMs: number): void {
  const { cuda } = tools;
  if (state === "checkpointed") return;
  if (state === "running") take(tools, steps, { step: "lock", pid }, () => cuda.lock(pid, lockTimeoutMs));
  try {
    take(tools, steps, { step: "checkpoint", pid }, () => cuda.checkpoint(pid));
  } catch (error) {
    unlockIfLocked(cuda, pid);
    throw error;
  }
}

/**
 * Brings those of the processes back that are frozen or locked, and leaves the others alone.
 * @throws Failure worker/failed when none of them uses CUDA; CudaError
 */
export function thawProcesses(tools: FreezeTools, pids: readonly number[]): FreezeStep[] {
  const { cuda } = tools;
  const steps: FreezeStep[] = [];
  for (const { pid, state } of cudaProcesses(tools, pids)) {
    if (state === "checkpointed") take(tools, steps, { step: "restore", pid }, () => cuda.restore(pid));
    if (state !== "running") take(tools, steps, { step: "unlock", pid }, () => cuda.unlock(pid));
  }
  return steps;
}

/** Those that the driver knows. A supervisor or a helper of the worker may have nothing to do with CUDA. */
function cudaProcesses(tools: FreezeTools, pids: readonly number[]): Known[] {
  const known: Known[] = [];
  let why: string | undefined;
  for (const pid of pids) {
    try {
      known.push({ pid, state: settledState(tools, pid) });
    } catch (error) {
      if (!(error instanceof CudaError) || error.result === "CUDA_ERROR_NOT_SUPPORTED") throw error;
      why = error.message;
    }
  }
  if (known.length > 0) return known;
  throw new Failure("worker/failed", "none of the worker's processes uses CUDA", { why });
}

/** The state once nobody is changing it: a helper before this one may have been left behind in the middle of a call. */
function settledState({ cuda, pause }: FreezeTools, pid: number): CudaProcessState {
  for (;;) {
    const state = cuda.state(pid);
    if (state === "failed")
      throw new Failure("worker/failed", `process ${pid} is in CUDA's state "failed"`, {
        why: "an earlier checkpoint or restore of it went wrong",
      });
    if (state !== "checkpointing" && state !== "restoring") return state;
    pause(POLL_MS);
  }
}

function unlockIfLocked(cuda: CudaCheckpoint, pid: number): void {
  try {
    if (cuda.state(pid) === "locked") cuda.unlock(pid);
  } catch {
    // What went wrong first is told; the worker is stopped for it in any case.
  }
}

const stateAfter = {
  lock: "locked",
  checkpoint: "checkpointed",
  restore: "locked",
  unlock: "running",
} as const satisfies Record<FreezeStep["step"], CudaProcessState>;

/** Takes a step with its time. It need not be ours: a helper of an earlier daemon may be at the same work. */
function take(
  tools: FreezeTools,
  steps: FreezeStep[],
  { step, pid }: Pick<FreezeStep, "step" | "pid">,
  call: () => void,
): void {
  if (!tools.isWanted()) throw new Failure("interrupted", "the daemon that asked for it is gone");
  const startMs = tools.monotonicMs();
  try {
    call();
  } catch (error) {
    if (settledState(tools, pid) !== stateAfter[step]) throw error;
  }
  steps.push({ step, pid, tookMs: tools.monotonicMs() - startMs });
}
