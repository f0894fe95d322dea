import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import { formatDurationMs } from "../std/duration.ts";
import { Failure } from "../std/failure.ts";
import type { Health } from "./protocol.ts";

/** Poll often at first, since most switches end in the first seconds and each poll adds to them. */
const FAST_POLL_MS = 20;
const FAST_PHASE_MS = 2_000;
const SLOW_POLL_MS = 250;
const BACK_OFF = 1.5;
const PROBE_DEADLINE_MS = 2_000;

export interface ReadinessOptions {
  /** From now. */
  readonly deadlineMs: number;
  /** Why it is as long as it is: said when it is over. */
  readonly deadlineWhy: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** True once the worker's program has ended, so that waiting is vain. */
  isGone(): boolean;
}

/**
 * Waits until a worker says that it is ready.
 * @param probe one look at it, by the path that jobs take; null while nobody answers
 * @throws Failure worker/failed when it says `failed`, ends, or is not ready at the deadline; `interrupted` at once
 * when `signal` aborts.
 */
export async function waitUntilReady(
  probe: (deadlineMs: number) => Promise<Health | null>,
  options: ReadinessOptions,
): Promise<Health> {
  const { clock, signal, deadlineMs } = options;
  const startMs = clock.monotonicMs();
  let pollMs = FAST_POLL_MS;
  let last: Health | null = null;
  for (;;) {
    const leftMs = startMs + deadlineMs - clock.monotonicMs();
    const probeMs = Math.max(1, Math.min(leftMs, PROBE_DEADLINE_MS));
    const health = await untilAborted(probe(probeMs), signal);
    if (health?.status === "ready") return health;
    last = health ?? last;
    if (last?.status === "failed") throw workerFailed("the worker could not load", last.detail);
    if (options.isGone()) throw workerFailed("the worker ended before it was ready", last?.detail ?? null);
    const waitedMs = clock.monotonicMs() - startMs;
    if (waitedMs >= deadlineMs) throw neverReady(options, last);
    if (waitedMs > FAST_PHASE_MS) pollMs = Math.min(pollMs * BACK_OFF, SLOW_POLL_MS);
    await untilAborted(sleep(Math.min(pollMs, deadlineMs - waitedMs), undefined, { signal }), signal);
  }
}

function neverReady({ deadlineMs, deadlineWhy }: ReadinessOptions, last: Health | null): Failure {
  const message = `the worker was not ready within ${formatDurationMs(deadlineMs)} (${deadlineWhy})`;
  return workerFailed(message, last === null ? "nobody answered at its endpoint" : last.detail);
}

function workerFailed(message: string, why: string | null): Failure {
  return new Failure("worker/failed", message, {
    why: why ?? undefined,
    hint: "orch workers, then orch logs",
  });
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Failure("interrupted", "waiting for the worker was given up"));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
