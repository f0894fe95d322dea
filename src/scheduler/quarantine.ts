import type { Reply, Report, Request, RunOutcome } from "./events.ts";
import type { Gpu, Lease, QuarantineCode, Worker } from "./model.ts";
import { refuse } from "./refusals.ts";
import { settleJob } from "./settle-job.ts";
import { log, type Transition } from "./transition.ts";
import { drain, stop } from "./worker-transitions.ts";

/** Starts that the memory of a GPU failed to come free for, with nobody to be seen who holds it. */
const MEMORY_FAILURES = 2;

/**
 * Takes a GPU out of use until a person clears it: what happened to it does not pass by itself, and whatever is started
 * there meets it again. The others go on.
 */
export function quarantine(tx: Transition, gpu: Gpu, code: QuarantineCode, text: string): void {
  if (gpu.quarantine !== null) return;
  gpu.quarantine = { code, text, sinceMs: tx.nowMs };
  tx.needsPlan = true;
  tx.changes.gpus.add(gpu);
  log(
    tx,
    "gpu-quarantined",
    `GPU ${gpu.index} is taken out of use: ${text}; "orch gpus clear ${gpu.index}"`,
    {
      gpu,
    },
  );
  drainResidents(tx, gpu);
}

/**
 * A GPU that cannot be used takes no new work; what runs there is left to end by itself or by its caller. It may have been
 * lost while no daemon looked, so its workers are looked at each time and not only when its health changes.
 */
export function drainResidents(tx: Transition, gpu: Gpu): void {
  for (const lease of gpu.leases) {
    if (lease.worker.lane.spec.residency === "resident") drain(tx, lease.worker, "gpu-lost");
  }
}

/** Puts a GPU back that was looked at just now and found to be in order. */
export function clearGpu(tx: Transition, { gpu: uuid }: Extract<Request, { type: "clear-gpu" }>): Reply {
  const gpu = tx.state.gpus.get(uuid);
  if (gpu === undefined) return refuse("gpu/unknown", `there is no GPU ${uuid}`, "orch gpus");
  if (gpu.quarantine === null)
    return refuse("gpu/state", `GPU ${gpu.index} is not in quarantine`, "orch gpus");
  gpu.quarantine = null;
  gpu.memoryFailures = 0;
  tx.needsPlan = true;
  tx.changes.gpus.add(gpu);
  log(tx, "gpu-cleared", `GPU ${gpu.index} is in use again`, { gpu });
  return { ok: true, ids: [] };
}

/** A start waited for memory that nobody holds, as far as the driver shows. Twice, and the GPU is at fault. */
export function noteStuckMemory(tx: Transition, uuids: readonly string[], message: string): void {
  for (const uuid of uuids) {
    const gpu = tx.state.gpus.get(uuid);
    if (gpu === undefined) continue;
    gpu.memoryFailures += 1;
    if (gpu.memoryFailures >= MEMORY_FAILURES) quarantine(tx, gpu, "memory", message);
  }
}

/** A program runs on these GPUs, so their memory was free. */
export function noteFreeMemory(leases: readonly Lease[]): void {
  for (const { gpu } of leases) gpu.memoryFailures = 0;
}

/**
 * A worker's program is still there long after it was killed: it hangs in the kernel. Its GPUs are of no use, and its
 * jobs are given back; should it ever move again, the signal ends it before it does anything. Its leases stay until then.
 */
export function workerStuck(
  tx: Transition,
  worker: Worker,
  report: Extract<Report, { type: "worker-stuck" }>,
) {
  const { message } = report;
  stop(tx, worker, "unresponsive");
  for (const { gpu } of worker.leases) quarantine(tx, gpu, "stuck", `${worker.name}: ${message}`);
  const lost: RunOutcome = { kind: "lost", exitCode: null, message, output: null, artifacts: null };
  for (const job of [...worker.jobs]) settleJob(tx, job, lost);
}
