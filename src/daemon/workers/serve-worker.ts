import type { Worker } from "../../scheduler/model.ts";
import { waitUntilReady } from "../../worker/readiness.ts";
import { readyDeadline } from "../../worker/ready-deadline.ts";
import { verifyContainerGpus } from "../containers/container-gpus.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";
import { contactOf } from "./contact.ts";
import { createProbe } from "./probe-worker.ts";
import { refuseOpenPort } from "./refuse-open-port.ts";
import { warmUp } from "./warm-up.ts";
import { watchWorker } from "./watch-worker.ts";

/**
 * Waits until a resident worker whose program runs can take jobs, unless an earlier daemon has, and looks after it from
 * then on. Resolves when it is gone or is to stop.
 * @throws Failure worker/failed when it does not become ready
 */
export async function serveWorker(world: World, worker: Worker, hand: Hand): Promise<void> {
  if (worker.phase.state === "starting") await becomeReady(world, worker, hand);
  await watchWorker(world, hand, checkEveryMs(world, worker));
}

/** A runtime whose file was broken or removed meanwhile still has workers. */
function checkEveryMs(world: World, worker: Worker): number | null {
  try {
    return world.runtimes.get(worker.lane.spec.runtime).checkEveryMs;
  } catch {
    return null;
  }
}

async function becomeReady(world: World, worker: Worker, hand: Hand): Promise<void> {
  const contact = contactOf(world, worker.id);
  const runtime = world.runtimes.get(worker.lane.spec.runtime);
  const { learned, startFailures } = worker.lane;
  const { deadlineMs, why } = readyDeadline(runtime.timeouts.readyMs, learned.load, startFailures);
  const startMs = world.clock.monotonicMs();
  const ready = waitUntilReady(createProbe(world, hand, contact), {
    deadlineMs,
    deadlineWhy: why,
    signal: hand.abort.signal,
    clock: world.clock,
    isGone: () => hand.isGone,
  });
  // Beside the wait for readiness: both have to hold before it gets a job.
  await Promise.all([ready, hand.inherited ? null : verifyContainerGpus(world, worker, hand)]);
  refuseOpenPort(contact, runtime);
  const leftMs = deadlineMs - (world.clock.monotonicMs() - startMs);
  await warmUp(world, { worker, hand, contact }, runtime, leftMs);
  if (hand.isGone || hand.abort.signal.aborted) return;
  world.measure(worker);
  const loadMs = hand.inherited ? undefined : world.clock.monotonicMs() - startMs;
  world.report({ type: "worker-ready", workerId: worker.id, endpoint: contact.endpoint, loadMs });
}
