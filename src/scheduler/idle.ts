import type { Worker } from "./model.ts";

/** Whether the worker is idle for longer than its keep-alive: only jobs that wait in its lane keep it. */
export function isOverdue({ phase, jobs, lane }: Worker, nowMs: number): boolean {
  const { keepAliveMs } = lane.spec;
  if (phase.state !== "ready" || jobs.size > 0 || keepAliveMs === null) return false;
  return phase.idleSinceMs + keepAliveMs < nowMs;
}

/** Jobs wait in its lane, but a quota or reservation keeps them back, or they would outlast the loan of its GPUs. */
export function isKeptBack({ lane, backfillUntilMs }: Worker): boolean {
  const { code, reservationId } = lane.verdict;
  return backfillUntilMs !== null || code === "quota" || reservationId !== null;
}
