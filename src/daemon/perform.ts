import type { Effect } from "../scheduler/effects.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import { unreachable } from "../std/assert.ts";
import { toFailure } from "../std/failure.ts";
import { runJob } from "./jobs/run-job.ts";
import { contactOf } from "./workers/contact.ts";
import { prepareLane } from "./workers/prepare-lane.ts";
import { sleepWorker } from "./workers/sleep-worker.ts";
import { startWorker } from "./workers/start-worker.ts";
import { stopWorker } from "./workers/stop-worker.ts";
import { wakeWorker } from "./workers/wake-worker.ts";
import type { World } from "./world.ts";

/**
 * Carries out one effect. Expected trouble comes back as a report; what is thrown here is a bug of ours and is logged,
 * since nobody waits for an effect.
 * @param inherited the effect was derived from the database: an earlier daemon may have carried it out already.
 */
export function perform(world: World, effect: Effect, inherited: boolean): void {
  carryOut(world, effect, inherited).catch((error: unknown) => {
    world.log.error(
      { effect, err: toFailure(error).cause ?? error },
      "an effect failed in a way nobody thought of",
    );
  });
}

function carryOut(world: World, effect: Effect, inherited: boolean): Promise<void> {
  switch (effect.type) {
    case "prepare-lane":
      return prepareLane(world, effect.laneKey);
    case "start-worker":
      return startWorker(world, effect.workerId, inherited);
    case "stop-worker":
      return stopWorker(world, effect.workerId, effect.graceMs);
    case "sleep-worker":
      return sleepWorker(world, effect.workerId);
    case "wake-worker":
      return wakeWorker(world, effect.workerId);
    case "run-job":
      if (isRequestId(effect.jobId)) return world.requests().perform(effect);
      return runJob(world, effect, inherited);
    case "cancel-job":
      if (isRequestId(effect.jobId)) return world.requests().perform(effect);
      return cancelJob(world, effect.workerId, effect.jobId);
    default:
      return unreachable(effect);
  }
}

async function cancelJob(world: World, workerId: number, jobId: number): Promise<void> {
  await world.hands.get(workerId)?.settled;
  const contact = contactOf(world, workerId);
  await world.protocolOf(contact).cancel(contact.endpoint, jobId);
}
