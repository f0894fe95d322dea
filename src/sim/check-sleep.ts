import type { Event } from "../scheduler/events.ts";
import type { Worker } from "../scheduler/model.ts";
import type { WorkerRow } from "../scheduler/rows.ts";
import { assert } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks that workers fall asleep, sleep and wake by order and in fact: nobody counts as asleep whose program holds its
 * memory, nobody as awake who sleeps, and each waking is a grant of its own.
 * @param before the worker as it was
 * @throws AssertionFailed naming the worker
 */
export function checkSleep(committed: Committed, worker: Worker, before: WorkerRow): void {
  const { phase, fence, name } = worker;
  const was = before.phase.state;
  if (phase.state === "falling-asleep" && was !== "falling-asleep")
    checkOrder(committed, worker, "sleep-worker");
  const isWoken = fence !== before.fence;
  if (isWoken) {
    assert(fence > before.fence, `${name} was woken with an older fence`);
    checkOrder(committed, worker, "wake-worker");
    const { summonedLanes, summonedWorkers } = committed.memory;
    if (summonedLanes.delete(worker.lane.spec.key)) summonedWorkers.set(worker.lane.spec.key, worker.id);
  }
  assert(isWoken || phase.state !== "waking" || was === "waking", `${name} wakes without a new fence`);
  const program = committed.host.programs.get(worker.id);
  if (phase.state === "asleep") {
    const isAsleep = program?.state === "asleep" || program?.state === "dead";
    assert(isAsleep, `${name} counts as asleep, and its program is ${program?.state ?? "missing"}`);
  }
  if (phase.state === "ready" && was === "waking") {
    const isAwake = program?.state === "ready" || program?.state === "dead";
    assert(isAwake, `${name} counts as awake, and its program is ${program?.state ?? "missing"}`);
  }
}

function checkOrder(
  { step, events }: Committed,
  { id, name, lane, jobs }: Worker,
  type: "sleep-worker" | "wake-worker",
): void {
  const isOrdered = step.effects.some((effect) => effect.type === type && effect.workerId === id);
  assert(isOrdered, `${name} sleeps or wakes without an effect`);
  if (type === "wake-worker") return;
  const canSleep = lane.spec.sleep !== null || isDeclaredAnew(events, lane.spec.key);
  assert(canSleep, `${name} is put to sleep and cannot`);
  assert(jobs.size === 0, `${name} is put to sleep with jobs`);
}

/** Its owner may take the sleep back in the very step in which it was ordered: then it is stopped once it sleeps. */
function isDeclaredAnew(events: readonly Event[], laneKey: string): boolean {
  return events.some((event) => {
    switch (event.type) {
      case "submit":
        return event.jobs.some(({ lane }) => lane.key === laneKey);
      case "start-worker":
      case "preload":
        return event.lane.key === laneKey;
      case "declare-home":
        return event.lanes.some(({ key }) => key === laneKey);
      default:
        return false;
    }
  });
}
