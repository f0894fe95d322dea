import type { Lane, State, Worker } from "./model.ts";
import type { WorkerPhase } from "./worker-phase.ts";

/** After this many failures without a success in between, sleeping is given up for longer. */
const FAILURES_UNTIL_OFF = 2;
const AFTER_ONE_FAILURE_MS = 600_000;
const AFTER_MORE_FAILURES_MS = 4 * 3_600_000;
/** Until what was learned of the runtime is forgotten: a program that cannot sleep will not learn it. */
export const FOR_GOOD_MS = Number.MAX_SAFE_INTEGER;

/** An idle worker is put to sleep after its keep-alive, and stopped after this many of them. */
export const ASLEEP_KEEP_ALIVES = 4;

/** Cores and memory of the host that workers hold. */
export interface HostShare {
  readonly cpuCores: number;
  readonly ramBytes: number;
}

/** What one worker holds of the host: while it sleeps no cores, and the memory for what it will need again. */
export function hostShareOf({ lane, phase, leases }: Worker): HostShare {
  const { cpuCores, ramBytes } = lane.spec;
  const isAsleep = leases.some(({ mode }) => mode === "residue");
  return {
    cpuCores: isAsleep ? 0 : cpuCores,
    ramBytes: ramBytes + sleptBytes(phase),
  };
}

function sleptBytes(phase: WorkerPhase): number {
  return "ramBytes" in phase ? (phase.ramBytes ?? 0) : 0;
}

/** What all workers hold of the host. O(workers). */
export function hostUse(state: State): HostShare {
  let cpuCores = 0;
  let ramBytes = 0;
  for (const worker of state.workers.values()) {
    const share = hostShareOf(worker);
    cpuCores += share.cpuCores;
    ramBytes += share.ramBytes;
  }
  return { cpuCores, ramBytes };
}

/** What is booked is this much larger than what was measured: the next sleep may have more to keep. */
const RAM_MARGIN = 1.1;

/**
 * What sleeping would take of the host's memory: what was measured last, else what is declared, else what the worker held of
 * its GPUs unless it drops it (level 2). Bytes.
 */
export function sleepRamBytes({ lane, leases }: Worker): number {
  const { sleep } = lane.spec;
  if (sleep === null) return 0;
  const measuredBytes = lane.learned.sleepRamBytes ?? null;
  if (measuredBytes !== null) return Math.ceil(measuredBytes * RAM_MARGIN);
  if (sleep.ramBytes !== null) return sleep.ramBytes;
  if (sleep.level === 2) return 0;
  const { vramPeakBytes } = lane.learned;
  return leases.reduce((sum, { vramBytes }) => sum + Math.min(vramPeakBytes ?? vramBytes, vramBytes), 0);
}

/** Why workers of the lane are not put to sleep now, in words; null = they may be. */
export function whyNoSleep({ spec, learned }: Lane, nowMs: number): string | null {
  if (spec.sleep === null) return `${spec.title} does not say that it can sleep`;
  if (spec.keepAliveMs === 0) return `idle workers of ${spec.title} are stopped at once (keepAlive: 0)`;
  const { noSleepUntilMs, wakeMs, startMs } = learned;
  // That would be worth no memory.
  if (wakeMs !== null && startMs !== null && wakeMs >= startMs)
    return `waking ${spec.title} takes as long as a start`;
  if (noSleepUntilMs === FOR_GOOD_MS) return `the program of ${spec.title} cannot sleep`;
  if (noSleepUntilMs !== null && noSleepUntilMs > nowMs) return `sleeping of ${spec.title} failed lately`;
  return null;
}

/** Whether the worker may be put to sleep as far as its lane and the host's memory go. */
export function mayFallAsleep(state: State, worker: Worker, nowMs: number): boolean {
  const { lane, leases, phase } = worker;
  if (lane.spec.sleep === null || state.stopping) return false;
  if (leases.length === 0 || (phase.state !== "ready" && phase.state !== "draining")) return false;
  return whyNoSleep(lane, nowMs) === null && hasRam(state, worker);
}

/** Whether the host has the memory that the worker's sleep takes. */
export function hasRam(state: State, worker: Worker): boolean {
  const { ramBytes } = state.policy;
  return ramBytes === 0 || hostUse(state).ramBytes + sleepRamBytes(worker) <= ramBytes;
}

/** Whether workers hold more of the host's memory than they may. */
export function isRamOverdrawn(state: State): boolean {
  const { ramBytes } = state.policy;
  return ramBytes > 0 && hostUse(state).ramBytes > ramBytes;
}

/** Whether a worker that sleeps can still be woken: its lane is declared as it was then. */
export function isWakeable({ lane, leases }: Worker): boolean {
  return lane.spec.sleep !== null && leases.length === lane.spec.gpuCount;
}

/** What is known of the lane after one more failed sleep. */
export function withSleepFailure({ learned }: Lane, isUnable: boolean, nowMs: number): Lane["learned"] {
  const sleepFailures = learned.sleepFailures + 1;
  const pauseMs = sleepFailures >= FAILURES_UNTIL_OFF ? AFTER_MORE_FAILURES_MS : AFTER_ONE_FAILURE_MS;
  return { ...learned, sleepFailures, noSleepUntilMs: isUnable ? FOR_GOOD_MS : nowMs + pauseMs };
}
