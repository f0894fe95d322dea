import { formatBytes } from "../std/bytes.ts";
import type { Report } from "./events.ts";
import type { Lane, Worker } from "./model.ts";
import { isRamOverdrawn } from "./sleep.ts";
import { noteSleepFailure, settleAsleep } from "./sleep-transitions.ts";
import { log, type Transition } from "./transition.ts";
import { stop } from "./worker-transitions.ts";

type ReportOf<T extends Report["type"]> = Extract<Report, { type: T }>;

/**
 * A worker has fallen asleep. One that holds as much as before has not: it is stopped, and so is one that takes more of the
 * host's memory than there is.
 */
export function asleep(tx: Transition, worker: Worker, report: ReportOf<"worker-asleep">): void {
  if (worker.phase.state !== "falling-asleep" || worker.fence !== report.fence) return;
  const { residueBytes, ramBytes = null } = report;
  const bookedBytes = worker.phase.ramBytes;
  const isVain = residueBytes !== null && worker.leases.some(({ vramBytes }) => vramBytes <= residueBytes);
  if (!isVain) {
    settleAsleep(tx, worker, { residueBytes, ramBytes });
    if ((ramBytes ?? 0) > bookedBytes && isRamOverdrawn(tx.state)) stop(tx, worker, "ram-needed");
    return;
  }
  const message = `it still holds ${formatBytes(residueBytes)} in its sleep`;
  giveUp(tx, worker, { ...report, type: "worker-sleep-failed", cause: "program", message });
}

/** A worker neither sleeps nor works: it is stopped, and its lane falls back to a start. */
export function sleepFailed(tx: Transition, worker: Worker, report: ReportOf<"worker-sleep-failed">): void {
  const { phase, fence } = worker;
  const isAwaited = phase.state === "falling-asleep" || phase.state === "waking";
  if (isAwaited && fence === report.fence) giveUp(tx, worker, report);
}

function giveUp(tx: Transition, worker: Worker, report: ReportOf<"worker-sleep-failed">): void {
  const { lane } = worker;
  const wasWaking = worker.phase.state === "waking";
  const what = wasWaking ? "did not wake up" : "did not fall asleep";
  log(tx, "worker-sleep-failed", `${worker.name} ${what}: ${report.message}`, { worker });
  // Memory that somebody else took says nothing about the lane's programs.
  if (report.cause === "memory") stopUnmeasured(tx, worker);
  else noteSleepFailure(tx, lane, report.cause === "unable");
  if (wasWaking && lane.summoned === worker) summonAgain(tx, lane);
  stop(tx, worker, "sleep-failed");
}

/**
 * The memory of a worker's GPUs did not come free. Who sleeps there and was never measured may hold more than was
 * declared, so it is stopped.
 */
export function stopUnmeasured(tx: Transition, { leases }: Worker): void {
  for (const { gpu } of leases) {
    for (const { worker, mode } of [...gpu.leases]) {
      if (mode !== "residue" || worker.phase.state !== "asleep" || worker.lane.learned.residueBytes !== null)
        continue;
      noteSleepFailure(tx, worker.lane, false);
      stop(tx, worker, "sleep-failed");
    }
  }
}

/** A person who asked for a worker waits for the one that is tried instead. */
export function summonAgain(tx: Transition, lane: Lane): void {
  lane.summons = { gpu: null, evict: false };
  tx.state.waiting.add(lane);
}
