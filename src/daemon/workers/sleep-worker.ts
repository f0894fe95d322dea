import { setTimeout as sleep } from "node:timers/promises";
import { readResidentBytes } from "../../engine/resident-bytes.ts";
import { residueBytesOf } from "../../scheduler/capacity.ts";
import type { Worker } from "../../scheduler/model.ts";
import type { SleepSpec } from "../../scheduler/worker-phase.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";
import { type Contact, contactOf } from "./contact.ts";
import { availableBytes, freezerOf } from "./freeze-worker.ts";

/** The driver may take its time to give the memory back; what is still held after this counts as residue. */
const RESIDUE_DEADLINE_MS = 5_000;
const RESIDUE_POLL_MS = 100;
/** Of a lane that is declared without sleep by now. */
const DEFAULT_TIMEOUT_MS = 60_000;

/** A worker that is ordered to sleep or to wake, and whose program runs. */
export interface Mover {
  readonly worker: Worker;
  readonly hand: Hand;
  readonly contact: Contact;
  /** Of the order: what comes of it is reported with that. */
  readonly fence: number;
  readonly nap: {
    readonly level: SleepSpec["level"];
    /** For falling asleep, and for waking. */
    readonly deadlineMs: number;
  };
}

/** Sends one worker to sleep and wakes it; both are idempotent. They throw Failure as `Sleeper` does. */
export interface Bed {
  sleep(): Promise<void>;
  wake(): Promise<void>;
}

/** Has an idle worker give its VRAM back, and measures what it keeps. The worker may be asleep already. */
export async function sleepWorker(world: World, workerId: number): Promise<void> {
  const mover = await moverOf(world, workerId, "falling-asleep");
  if (mover === null) return;
  const { hand, fence } = mover;
  try {
    const before = await lookAtRam(world, mover);
    await bedOf(world, mover).sleep();
    const residueBytes = await measureResidue(world, mover);
    const ramBytes = growthOf(before, await lookAtRam(world, mover), mover.worker);
    if (!hand.isGone) world.report({ type: "worker-asleep", workerId, fence, residueBytes, ramBytes });
  } catch (error) {
    reportSleepFailure(world, mover, toFailure(error));
  }
}

/** Memory of the host: what a worker's processes have in use, and what is left for all. Bytes. */
interface RamLook {
  readonly usedBytes: number;
  readonly availableBytes: number;
}

/** Null for a worker whose processes cannot be told, as in a container. */
async function lookAtRam(world: World, { worker, hand }: Mover): Promise<RamLook | null> {
  if (hand.identity === null) return null;
  const pids = await world.engine.members(world.places.workerDir(worker.id), hand.identity);
  return pids === null ? null : { usedBytes: readResidentBytes(pids), availableBytes: availableBytes() };
}

/**
 * What a worker takes of the host's memory in its sleep. What is left for all tells of page-locked memory, too, which drivers
 * may keep out of a process's own count; others change it meanwhile, so it counts only up to what was moved.
 */
function growthOf(before: RamLook | null, after: RamLook | null, { leases }: Worker): number | null {
  if (before === null || after === null) return null;
  const movedBytes = leases.reduce((sum, { vramBytes }) => sum + vramBytes, 0);
  const missingBytes = Math.min(before.availableBytes - after.availableBytes, movedBytes);
  return Math.max(0, after.usedBytes - before.usedBytes, missingBytes);
}

/** The worker as it was ordered; null = the order does not stand any more, or its program is gone. */
export async function moverOf(
  world: World,
  workerId: number,
  state: "falling-asleep" | "waking",
): Promise<Mover | null> {
  const hand = world.hands.get(workerId);
  await hand?.settled;
  const worker = world.state().workers.get(workerId);
  if (!hand || hand.isGone || hand.identity === null || worker?.phase.state !== state) return null;
  const deadlineMs = worker.lane.spec.sleep?.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const nap = { level: worker.phase.level, deadlineMs };
  return { worker, hand, contact: contactOf(world, workerId), fence: worker.fence, nap };
}

/**
 * How the worker sleeps: by itself, or frozen by the driver.
 * @throws Failure worker/no-sleep for a protocol whose workers cannot sleep
 */
export function bedOf(world: World, mover: Mover): Bed {
  const { contact, nap } = mover;
  const { level, deadlineMs } = nap;
  if (level === "freeze") return freezerOf(world, mover);
  const { sleeper, name } = world.protocolOf(contact);
  if (sleeper === null) throw new Failure("worker/no-sleep", `workers of protocol ${name} cannot sleep`);
  return {
    sleep: () => sleeper.sleep(contact.endpoint, { level, deadlineMs }),
    wake: () => sleeper.wake(contact.endpoint, { level, deadlineMs }),
  };
}

/** Tells that a worker neither sleeps nor works, unless it is gone or told to stop: then its exit says all. */
export function reportSleepFailure(world: World, { worker, hand, fence }: Mover, failure: Failure): void {
  const { code, sentence } = failure;
  if (hand.isGone || hand.abort.signal.aborted) return;
  if (code === "bug") world.log.error({ workerId: worker.id, err: failure.cause }, failure.message);
  const cause = code === "worker/no-sleep" ? "unable" : code === "worker/no-memory" ? "memory" : "program";
  hand.note = sentence;
  world.report({ type: "worker-sleep-failed", workerId: worker.id, fence, cause, message: sentence });
}

/** Most that the worker holds on one GPU, once it is as little as is expected or does not fall any more; null = unknown. */
async function measureResidue(world: World, { worker, hand }: Mover): Promise<number | null> {
  const expectedBytes = residueBytesOf(worker.lane);
  const giveUpAtMs = world.clock.monotonicMs() + RESIDUE_DEADLINE_MS;
  for (;;) {
    const sample = await world.sampler.sampleNow({ processes: true });
    const byGpu = sample.workerBytes.get(worker.id);
    if (sample.stale === null && byGpu === undefined) return null;
    const heldBytes = Math.max(0, ...(byGpu?.values() ?? []));
    const isSure = sample.stale === null && heldBytes <= expectedBytes;
    if (isSure || hand.isGone) return heldBytes;
    if (world.clock.monotonicMs() >= giveUpAtMs) return sample.stale === null ? heldBytes : null;
    await sleep(RESIDUE_POLL_MS);
  }
}
