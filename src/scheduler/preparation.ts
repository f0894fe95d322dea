import type { Report } from "./events.ts";
import { smooth } from "./learned.ts";
import type { Lane } from "./model.ts";
import { noteFailedStart } from "./start-failures.ts";
import { log, type Transition } from "./transition.ts";

/** What has to be made for a lane before any of its programs can start, in words. */
const WORK = {
  environment: { doing: "its Python environment is being built", done: "the Python environment" },
  image: { doing: "its image is being made ready", done: "the image" },
} as const;

/** Whether GPUs may be granted to the lane: nothing has to be made first, or it has been. */
export function isPrepared({ spec, preparation }: Lane): boolean {
  return spec.needsPreparation === null || preparation.state === "done";
}

/** Has made what the lane's programs need, unless it is there, on its way, or failed just now. Takes no GPU. */
export function prepare(tx: Transition, lane: Lane): void {
  const { spec } = lane;
  if (spec.needsPreparation === null || lane.preparation.state !== "needed") return;
  if (lane.retryAtMs > tx.nowMs || tx.state.stopping) return;
  lane.preparation = { state: "running", sinceMs: tx.nowMs };
  tx.effects.push({ type: "prepare-lane", laneKey: spec.key });
  log(tx, "lane-preparing", `${WORK[spec.needsPreparation].done} of ${spec.title} is made ready`);
}

/** All who wait have their environments and images made now, whoever's turn it is. O(waiting lanes). */
export function prepareWaiting(tx: Transition): void {
  for (const lane of tx.state.waiting) if (!isPrepared(lane)) prepare(tx, lane);
}

/** Its environment or image is there: GPUs may be granted to it. */
export function lanePrepared(tx: Transition, { laneKey }: Extract<Report, { type: "lane-prepared" }>): void {
  const lane = tx.state.lanes.get(laneKey);
  if (lane?.preparation.state !== "running") return;
  const prepareMs = smooth(lane.learned.prepareMs, tx.nowMs - lane.preparation.sinceMs);
  lane.learned = { ...lane.learned, prepareMs };
  lane.preparation = { state: "done" };
  tx.needsPlan = true;
  tx.changes.lanes.add(lane);
  const what = WORK[lane.spec.needsPreparation ?? "environment"].done;
  log(tx, "lane-prepared", `${what} of ${lane.spec.title} is ready`);
}

/** It could not be made: tried again later, as after a failed start. */
export function prepareFailed(
  tx: Transition,
  { laneKey, message }: Extract<Report, { type: "lane-prepare-failed" }>,
): void {
  const lane = tx.state.lanes.get(laneKey);
  if (lane?.preparation.state !== "running") return;
  const tookMs = tx.nowMs - lane.preparation.sinceMs;
  lane.preparation = { state: "needed" };
  log(tx, "lane-prepare-failed", `${lane.spec.title}: ${message}`);
  noteFailedStart(tx, lane, message, tookMs);
}

/** A start found that what was made is not there any more (it was removed, or its description has changed). */
export function makeAnew(lane: Lane): void {
  if (lane.preparation.state === "done") lane.preparation = { state: "needed" };
}

/** What is being made for the lane, in words. */
export function preparationText({ spec }: Lane): string {
  return WORK[spec.needsPreparation ?? "environment"].doing;
}
