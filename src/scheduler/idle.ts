import { activeWorkers } from "./lane-workers.ts";
import type { Worker } from "./model.ts";
import { ASLEEP_KEEP_ALIVES } from "./sleep.ts";

/** Until when an idle worker stays as it is: ready ones for their keep-alive, sleeping ones for some of them; null = for ever. */
export function keptUntilMs({ phase, jobs, lane }: Worker): number | null {
  const { keepAliveMs } = lane.spec;
  if (keepAliveMs === null || jobs.size > 0) return null;
  if (phase.state === "ready") return phase.idleSinceMs + keepAliveMs;
  return phase.state === "asleep" ? phase.idleSinceMs + ASLEEP_KEEP_ALIVES * keepAliveMs : null;
}

/** Whether the worker is idle for longer than it is kept: only jobs that wait in its lane keep it. */
export function isOverdue(worker: Worker, nowMs: number): boolean {
  const untilMs = keptUntilMs(worker);
  return untilMs !== null && untilMs < nowMs;
}

/** Whether jobs wait in its lane that it will get; of one that sleeps, only if no other worker serves them. */
export function isWanted({ lane, phase }: Worker): boolean {
  return lane.queue.size > 0 && (phase.state !== "asleep" || activeWorkers(lane).count === 0);
}

/** Jobs wait in its lane, but a quota or reservation keeps them back, or they would outlast the loan of its GPUs. */
export function isKeptBack({ lane, backfillUntilMs }: Worker): boolean {
  const { code, reservationId } = lane.verdict;
  return backfillUntilMs !== null || code === "quota" || reservationId !== null;
}
