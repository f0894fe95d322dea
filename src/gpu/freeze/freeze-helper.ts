/**
 * The program that freezes and thaws CUDA processes for the daemon: `node freeze-helper.js freeze|thaw LOCK-TIMEOUT-MS
 * LIBRARY|- PID…`. One process per order: a call into a sick driver can hang for ever, and it takes the whole process with
 * it. It says one JSON document (freeze-wire.ts) and ends.
 */
import fs from "node:fs";
import { systemClock } from "../../std/clock.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { bindCheckpoint } from "./cuda-checkpoint.ts";
import { CudaError, openCudaLibrary } from "./cuda-library.ts";
import { type FreezeTools, freezeProcesses, thawProcesses } from "./freeze-process.ts";
import type { FreezeAnswer, FreezeStep } from "./freeze-wire.ts";

const daemon = process.ppid;

// In one piece, and before the process ends by itself.
fs.writeSync(1, `${JSON.stringify(answer(process.argv.slice(2)))}\n`);

function answer([order, lockTimeoutMs, library, ...pids]: readonly string[]): FreezeAnswer {
  try {
    const cuda = bindCheckpoint(openCudaLibrary(library === "-" ? null : (library ?? null)));
    const isWanted = (): boolean => process.ppid === daemon;
    const tools: FreezeTools = { cuda, monotonicMs: () => systemClock.monotonicMs(), pause, isWanted };
    return { ok: true, steps: carryOut(tools, order, Number(lockTimeoutMs), pids.map(Number)) };
  } catch (error) {
    return { ok: false, failure: cudaFailure(error).toBody() };
  }
}

function carryOut(
  tools: FreezeTools,
  order: string | undefined,
  lockTimeoutMs: number,
  pids: readonly number[],
): FreezeStep[] {
  if (order === "thaw") return thawProcesses(tools, pids);
  return freezeProcesses(tools, pids, lockTimeoutMs);
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** What the driver will refuse again is told apart from what may go well next time. */
function cudaFailure(error: unknown): Failure {
  if (error instanceof Failure && (error.code === "native/missing" || error.code === "gpu/unavailable"))
    return new Failure("worker/no-sleep", error.message, { why: error.why, hint: error.hint });
  if (!(error instanceof CudaError)) return toFailure(error);
  const code = error.result === "CUDA_ERROR_NOT_SUPPORTED" ? "worker/no-sleep" : "worker/failed";
  return new Failure(code, `the CUDA driver refuses: ${error.message}`);
}
