import { wakeableOf } from "./choose-place.ts";
import { holdMs } from "./claims.ts";
import { laneRunMs, longestRunMs, readyMs } from "./estimate.ts";
import { placeHome } from "./home.ts";
import { rankOf } from "./job.ts";
import type { Job } from "./job-model.ts";
import { backlogOf, notePeak } from "./lane-index.ts";
import { activeWorkers, firstWorker, hasReady, startingWorker, wasJustEvicted } from "./lane-workers.ts";
import { mayEvictFor } from "./lanes.ts";
import { makeRoom } from "./make-room.ts";
import type { Gpu, Lane, State, Verdict, Worker } from "./model.ts";
import type { Offer } from "./placement.ts";
import { isPrepared, prepareWaiting } from "./preparation.ts";
import {
  activeReservations,
  isKeptOut,
  isOpenTo,
  mayEvictWithin,
  nextJobOn,
  reservationInTheWay,
  rightsWithin,
} from "./reserved.ts";
import {
  beginRound,
  isQuotaBlocked,
  lacksOpenWorker,
  nextJob,
  nextToPlace,
  planAgainForIdle,
  quotaVerdict,
  type Round,
  rightsAt,
} from "./round.ts";
import { isUnserved, noteWaits } from "./service-bound.ts";
import { hostUse } from "./sleep.ts";
import { wake } from "./sleep-transitions.ts";
import { isOnTrial } from "./start-failures.ts";
import { mayShare } from "./suspects.ts";
import { placeWithin, takeHost } from "./take-host.ts";
import type { Reservation } from "./timetable.ts";
import type { Transition } from "./transition.ts";
import { reservedVerdict, shortfall, verdict, waitingVerdict } from "./verdicts.ts";
import { addWorker, dispatch, startOneShot } from "./worker-transitions.ts";

/**
 * Decides what can be done now. Lanes are taken in order of rank; each is placed on GPUs or promised the ones it will
 * get next, which lanes after it may then only borrow; then ready workers are given jobs. Costs O(lanes × GPUs) and only
 * if something happened that may let a lane go on, however long the queues are.
 */
export function plan(tx: Transition): void {
  const { state } = tx;
  if (state.stopping) {
    for (const lane of state.waiting) lane.verdict = verdict("stopping");
    return;
  }
  if (tx.touched.size === 0 && !tx.needsPlan) return;
  const backlog = backlogOf(state);
  if (tx.touched.size > 0) notePeak(state, tx.nowMs, backlog);
  if (!tx.needsPlan) {
    for (const lane of tx.touched) if (growthPays(state, lane)) tx.needsPlan = true;
    if (!tx.needsPlan) return;
  }
  prepareWaiting(tx);
  const rights = rightsAt(state, tx.nowMs);
  noteWaits(
    state,
    tx.nowMs,
    (lane) =>
      lane.retryAtMs <= tx.nowMs &&
      isPrepared(lane) &&
      !isQuotaBlocked(lane, rights) &&
      !isKeptOut(state, lane, rights, tx.nowMs),
  );
  const round = beginRound(tx, rights, backlog);
  if (state.waiting.size > 0) {
    if (state.reservations.size > 0) placeReserved(round);
    placeAll(round);
    lendOrTakeBack(round);
    for (const { lane } of state.workers.values()) if (lane.queue.size > 0) serve(round, lane);
  }
  placeHome(tx, round.claims, (lane) => takeHost(round, lane, wakeableOf(lane).length > 0));
}

/** Those that GPUs are reserved for take them before anybody else has a turn. */
function placeReserved(round: Round): void {
  const { state, nowMs } = round.tx;
  for (const within of activeReservations(state, nowMs)) {
    const rights = rightsWithin(within, round.rights);
    const lanes = [...state.waiting].filter(
      ({ spec }) => spec.gpuCount > 0 && spec.gpuCount <= within.gpus.length,
    );
    lanes.sort((left, right) => left.waitingSinceMs - right.waitingSinceMs);
    for (const lane of lanes) {
      for (let isPlaced = true; isPlaced && lane.queue.next(rights) !== undefined; ) {
        const turn = { ...round, rights, within };
        isPlaced = placeOne(turn, lane);
        if (isPlaced) Object.assign(round, { cpuCores: turn.cpuCores, ramBytes: turn.ramBytes });
      }
    }
  }
}

/** Lets the lanes take their turns; once no GPU is left, only those that need none are looked at. */
function placeAll(round: Round): void {
  const { standing, claims } = round;
  for (let lane = standing.takeNext(); lane; lane = standing.takeNext()) {
    while (placeOne(round, lane));
    if (claims.size > 0 && claims.isAllTaken()) break;
  }
  const passOver = (lane: Lane): void => notePassedOver(round, lane);
  for (let lane = standing.takeRest(passOver); lane; lane = standing.takeRest(passOver))
    while (placeOne(round, lane));
}

/** The verdict of a lane for which nothing is left, short of what keeps it from its turn anyway. */
function notePassedOver(round: Round, lane: Lane): void {
  const { nowMs } = round.tx;
  // Nearly all of them: nothing but their turn keeps them waiting.
  const isInLine = lane.wait !== null && lane.workers.size === 0 && !isQuotaBlocked(lane, round.rights);
  const starting = isInLine ? undefined : startingWorker(lane);
  if (isInLine) lane.verdict = reservedForOthers(round);
  else if (starting) lane.verdict = verdict("worker-starting", { workerId: starting.id });
  else if (lane.retryAtMs > nowMs) lane.verdict = verdict("start-failed", { untilMs: lane.retryAtMs });
  else if (!isPrepared(lane)) lane.verdict = verdict("preparing");
  else if (isQuotaBlocked(lane, round.rights)) lane.verdict = quotaVerdict(round, lane);
  else if (isUnserved(lane)) lane.verdict = reservedForOthers(round);
}

function reservedForOthers(round: Round): Verdict {
  round.reserved ??= verdict("gpu-reserved", { gpus: [...round.tx.state.gpus.keys()] });
  return round.reserved;
}

/** Hands jobs to the lane's ready workers while they have free slots. */
function serve(round: Round, lane: Lane): void {
  if (lane.spec.residency === "one-shot" || lane.workers.size === 0) return;
  const { tx } = round;
  let inTheWay: Reservation | null = null;
  for (const worker of lane.workers) {
    while (worker.phase.state === "ready" && worker.jobs.size < lane.spec.slots && lane.queue.size > 0) {
      const { job, against } = nextJobOn(tx.state, worker, round.rights, tx.nowMs);
      if (against !== null) inTheWay = against;
      if (job === undefined || !endsInTime(worker, job, tx.nowMs) || !mayShare(worker, job)) break;
      dispatch(tx, worker, job);
    }
  }
  if (lane.queue.size === 0) planAgainForIdle(tx, lane);
  if (lane.queue.size === 0 || !hasReady(lane)) return;
  if (inTheWay !== null && startingWorker(lane) === undefined) lane.verdict = reservedVerdict(inTheWay);
  else
    lane.verdict =
      nextJob(round, lane) === undefined
        ? quotaVerdict(round, lane)
        : verdict("worker-busy", { workerId: firstWorker(lane) });
}

/** A worker on borrowed GPUs takes only what ends before they are needed. */
function endsInTime(worker: Worker, job: Job, nowMs: number): boolean {
  if (worker.backfillUntilMs === null) return true;
  const runMs = longestRunMs(job);
  return runMs !== null && nowMs + runMs <= worker.backfillUntilMs;
}

/** Whether the lane's present workers leave something to start: every one-shot job does, residents as far as it pays. */
function wantsWorker(state: State, lane: Lane): boolean {
  if (lane.spec.residency === "one-shot") return lane.queue.size > 0;
  return lane.summons !== null || lacksWorker(lane) || growthPays(state, lane);
}

function lacksWorker(lane: Lane): boolean {
  return lane.queue.size > 0 && activeWorkers(lane).count === 0;
}

/** One more replica pays if the jobs that wait for the present ones would wait longer than it takes to start. */
function growthPays(state: State, lane: Lane): boolean {
  if (lane.spec.residency === "one-shot" || lane.spec.maxReplicas === 1) return false;
  const { count, freeSlots } = activeWorkers(lane);
  if (count === 0 || count >= lane.spec.maxReplicas || lane.queue.size <= freeSlots) return false;
  const backlogMs = (lane.queue.size - freeSlots) * laneRunMs(state, lane);
  return backlogMs / (count * lane.spec.slots) > readyMs(lane);
}

/** Tries to start one worker of the lane. @returns whether it did, so that there may be room for another. */
function placeOne(round: Round, lane: Lane): boolean {
  const { tx } = round;
  const starting = startingWorker(lane);
  if (starting) lane.verdict = verdict("worker-starting", { workerId: starting.id });
  if (!wantsWorker(tx.state, lane) && !lacksOpenWorker(round, lane)) return false;
  if (lane.retryAtMs > tx.nowMs) {
    lane.verdict = verdict("start-failed", { untilMs: lane.retryAtMs });
    return false;
  }
  if (!isPrepared(lane)) {
    lane.verdict = verdict("preparing");
    return false;
  }
  if (starting && isOnTrial(lane)) return false;
  const job = nextToPlace(round, lane);
  if (job !== undefined && round.within === null && round.promised.has(job)) return false;
  if (job === undefined && lane.summons === null) {
    lane.verdict = quotaVerdict(round, lane);
    return false;
  }
  const sleepers = wakeableOf(lane);
  if (!takeHost(round, lane, sleepers.length > 0)) return false;
  return lane.spec.gpuCount === 0
    ? start(tx, lane, job, [])
    : placeOnGpus(round, lane, job, starting !== undefined, sleepers);
}

function placeOnGpus(
  round: Round,
  lane: Lane,
  job: Job | undefined,
  isStarting: boolean,
  sleepers: readonly Worker[],
): boolean {
  const { tx, claims, within } = round;
  const lengthMs = job === undefined ? null : holdMs(lane, job);
  const { state, nowMs } = tx;
  const hasWorker = activeWorkers(lane).count > 0 && !lacksOpenWorker(round, lane);
  const grows = hasWorker && lane.spec.residency === "resident" && lane.summons === null;
  const mayEvict = mayEvictFor(round.standing, lane, nowMs, grows, job && rankOf(job));
  const wish = {
    state,
    lane,
    nowMs,
    mayEvict: within === null ? mayEvict : mayEvictWithin(within, lane, round.rights, mayEvict),
    mayUse: (gpu: Gpu) =>
      claims.allow(gpu, lengthMs) &&
      (within?.gpus.includes(gpu.uuid) ?? isOpenTo(state, lane, job, gpu, nowMs)),
  };
  const { offers: chosen, waking, lacksRam } = placeWithin(round, wish, sleepers);
  if (chosen.length < lane.spec.gpuCount) {
    const inTheWay = job === undefined ? null : reservationInTheWay(state, lane, job, nowMs);
    if (isStarting) return false;
    if (inTheWay) lane.verdict = reservedVerdict(inTheWay);
    else lane.verdict = lacksRam ? verdict("ram-busy") : shortfall(state, lane, (gpu) => claims.has(gpu));
    return false;
  }
  const gpus = chosen.map((offer) => offer.gpu);
  if (waking === null && sleepers.length > 0) round.ramBytes -= lane.spec.ramBytes;
  const dueMs = claims.dueMs(gpus);
  if (chosen.every((offer) => offer.rank === "free")) {
    // Whoever had to make way for others just now is not brought back at once for as long as they wait.
    if (dueMs !== null && wasJustEvicted(lane, nowMs)) return false;
    if (waking === null) return start(tx, lane, job, gpus, dueMs);
    wake(tx, waking, dueMs);
    lane.verdict = verdict("worker-starting", { workerId: waking.id, gpus: gpus.map((gpu) => gpu.uuid) });
    return true;
  }
  // Borrowed GPUs are only worth it at once; and what is wanted on top is worth no promise that others wait for.
  if (dueMs !== null) return false;
  const isReachable = chosen.every((offer) => offer.rank !== "busy");
  if (grows && !isReachable) return false;
  claims.promise(lane, chosen);
  if (within !== null && job !== undefined) round.promised.add(job);
  if (isReachable) evict(round, chosen);
  if (!isStarting) lane.verdict = waitingVerdict(chosen);
  return false;
}

function start(
  tx: Transition,
  lane: Lane,
  job: Job | undefined,
  gpus: readonly Gpu[],
  backfillUntilMs: number | null = null,
): boolean {
  if (lane.spec.residency === "one-shot") {
    if (job) startOneShot(tx, job, gpus);
    return job !== undefined;
  }
  const worker = addWorker(tx, lane, gpus, backfillUntilMs);
  lane.verdict = verdict("worker-starting", { workerId: worker.id, gpus: gpus.map((gpu) => gpu.uuid) });
  return true;
}

/** Moves others out of the way; what falls asleep at once takes memory of the host from now on. */
function evict({ tx, slept }: Round, chosen: readonly Offer[]): void {
  const beforeBytes = hostUse(tx.state).ramBytes;
  makeRoom(tx, chosen);
  slept.ramBytes += hostUse(tx.state).ramBytes - beforeBytes;
}

/** Workers on borrowed GPUs learn how long they may stay; those whose GPUs nobody waits for any more may stay for good. */
function lendOrTakeBack({ tx, claims }: Round): void {
  for (const worker of tx.state.workers.values()) {
    if (worker.backfillUntilMs === null) continue;
    const dueMs = claims.dueMs(worker.leases.map((lease) => lease.gpu));
    if (dueMs === worker.backfillUntilMs) continue;
    worker.backfillUntilMs = dueMs;
    tx.changes.workers.add(worker);
  }
}
