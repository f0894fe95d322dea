import { setTimeout as sleep } from "node:timers/promises";
import { readVitals } from "../../engine/vitals.ts";
import type { Worker } from "../../scheduler/model.ts";
import { checkContainerGpus } from "../containers/container-gpus.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";
import { contactOf } from "./contact.ts";
import { createProbe, type Probe } from "./probe-worker.ts";
import { stopSurely } from "./stop-surely.ts";

// A worker that is ready is asked again and again, by the path that its jobs take. One that does not answer three times in a row
// is stopped, and what it ran is tried again. But a server with one thread answers nobody while it computes, so one that has
// jobs is given more time as long as it shows other signs of life: what it says of its jobs, processor time, work on its GPU.

/** Silent checks in a row after which a worker is stopped: one that should answer, and one that may be too busy to. */
const MISSES = 3;
const MISSES_WHEN_BUSY = 10;
/** An answer may take so long, or until the next check is due. */
const PROBE_DEADLINE_MS = 5_000;
/** Workers that were started together are not all asked at once. */
const JITTER = 0.2;
/** Processor time that an idle program does not use: 1 % of one core. In ticks of 1/100 s per second. */
const LIVELY_TICKS_PER_S = 1;
const STOP_GRACE_MS = 2_000;

interface Watch {
  readonly world: World;
  readonly hand: Hand;
  readonly probe: Probe;
  readonly probeDeadlineMs: number;
  misses: number;
  lookedAtMs: number;
  cpuTicks: number;
}

/** Checks a ready worker until it is gone or is to stop. `everyMs` null = its runtime asks for none. */
export async function watchWorker(world: World, hand: Hand, everyMs: number | null): Promise<void> {
  if (everyMs === null) return;
  const probe = createProbe(world, hand, contactOf(world, hand.workerId));
  const lookedAtMs = world.clock.monotonicMs();
  const probeDeadlineMs = Math.min(PROBE_DEADLINE_MS, everyMs);
  const watch: Watch = { world, hand, probe, probeDeadlineMs, misses: 0, lookedAtMs, cpuTicks: 0 };
  const { signal } = hand.abort;
  for (;;) {
    const pauseMs = everyMs * (1 - JITTER + 2 * JITTER * world.rng.next());
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted || hand.isGone) return;
    const worker = world.state().workers.get(hand.workerId);
    if (worker === undefined) return;
    if (worker.phase.state !== "ready" && worker.phase.state !== "draining") continue;
    const silence = await examine(watch, worker);
    if (silence === null || signal.aborted || hand.isGone) continue;
    return giveUp(watch, worker, silence);
  }
}

/** One check. @returns why the worker has to be stopped, or null */
async function examine(watch: Watch, worker: Worker): Promise<string | null> {
  const { hand, probe } = watch;
  const sight = await checkContainerGpus(watch.world, worker);
  if (sight.kind === "lost") {
    hand.note = `its container does not see its GPU any more: ${sight.why}`;
    return hand.note;
  }
  const health = await probe(watch.probeDeadlineMs);
  const life = await signsOfLife(watch, worker);
  if (health?.status === "ready") {
    watch.misses = 0;
    return null;
  }
  const isBusy = worker.jobs.size > 0 && health?.status !== "failed" && !life.isStopped;
  if (isBusy && life.isSeen) return null;
  watch.misses += 1;
  if (watch.misses < (isBusy ? MISSES_WHEN_BUSY : MISSES)) return null;
  const why = health?.detail ?? (life.isStopped ? "its program is stopped" : "nobody answered");
  hand.note = `it failed ${watch.misses} health checks in a row: ${why}`;
  return hand.note;
}

/** What is seen of it since the last check besides its answer. */
async function signsOfLife(watch: Watch, worker: Worker): Promise<{ isSeen: boolean; isStopped: boolean }> {
  const { world, hand } = watch;
  const nowMs = world.clock.monotonicMs();
  const sinceMs = watch.lookedAtMs;
  watch.lookedAtMs = nowMs;
  if (hand.identity === null) return { isSeen: false, isStopped: false };
  const pids = await world.engine.members(world.places.workerDir(hand.workerId), hand.identity);
  const { cpuTicks, isStopped } = readVitals(pids ?? []);
  const usedTicks = cpuTicks - watch.cpuTicks;
  watch.cpuTicks = cpuTicks;
  const isWorking = usedTicks > (LIVELY_TICKS_PER_S * (nowMs - sinceMs)) / 1000;
  return { isSeen: isWorking || hand.heardAtMs >= sinceMs || worksOnGpu(world, worker), isStopped };
}

/** Whether a GPU that it has for itself computes: whoever waits for its GPU may use no processor time at all. */
function worksOnGpu(world: World, { leases }: Worker): boolean {
  const own = new Set(leases.filter(({ mode }) => mode === "exclusive").map(({ gpu }) => gpu.uuid));
  return world.sampler
    .latest()
    .gpus.some(({ reading }) => own.has(reading.uuid) && (reading.utilizationPercent ?? 0) > 0);
}

async function giveUp({ world, hand }: Watch, worker: Worker, why: string): Promise<void> {
  world.log.warn({ worker: worker.name, why }, "stopping a worker that does not answer");
  await stopSurely(world, hand, STOP_GRACE_MS);
}
