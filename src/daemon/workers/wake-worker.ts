import { formatDurationMs } from "../../std/duration.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { waitUntilReady } from "../../worker/readiness.ts";
import type { World } from "../world.ts";
import { awaitMemory } from "./await-memory.ts";
import { createProbe } from "./probe-worker.ts";
import { bedOf, type Mover, moverOf, reportSleepFailure } from "./sleep-worker.ts";
import { warmUp } from "./warm-up.ts";

/** Wakes a worker once its memory is really free, and tries whether it works before it is given a job. */
export async function wakeWorker(world: World, workerId: number): Promise<void> {
  const mover = await moverOf(world, workerId, "waking");
  if (mover === null) return;
  try {
    await memoryIsFree(world, mover);
    const { worker, hand, fence, nap } = mover;
    const startMs = world.clock.monotonicMs();
    await bedOf(world, mover).wake();
    await tryOut(world, mover, nap.deadlineMs - (world.clock.monotonicMs() - startMs));
    if (hand.isGone || hand.abort.signal.aborted) return;
    world.measure(worker);
    world.report({ type: "worker-woken", workerId, fence });
  } catch (error) {
    reportSleepFailure(world, mover, toFailure(error));
  }
}

/** @throws Failure worker/no-memory when it does not come free, interrupted when the worker is to stop */
async function memoryIsFree(world: World, { worker, hand }: Mover): Promise<void> {
  const wait = await awaitMemory(world, worker, hand.abort.signal);
  if (wait.kind === "free") return;
  if (wait.kind === "aborted") throw new Failure("interrupted", "the worker is to stop");
  throw new Failure("worker/no-memory", wait.missing.map(({ text }) => text).join("; "));
}

/** The canary: it answers as ready, and its warm-up job succeeds if it declares one. */
async function tryOut(world: World, { worker, hand, contact, nap }: Mover, leftMs: number): Promise<void> {
  const startMs = world.clock.monotonicMs();
  const deadlineMs = Math.max(1, leftMs);
  await waitUntilReady(createProbe(world, hand, contact), {
    deadlineMs,
    deadlineWhy: `sleep.timeout is ${formatDurationMs(nap.deadlineMs)}`,
    signal: hand.abort.signal,
    clock: world.clock,
    isGone: () => hand.isGone,
  });
  const runtime = world.runtimes.get(worker.lane.spec.runtime);
  const restMs = deadlineMs - (world.clock.monotonicMs() - startMs);
  await warmUp(world, { worker, hand, contact }, runtime, restMs);
}
