import { isUsable } from "./capacity.ts";
import { leaveMs, longestRunMs, readyMs, runMs } from "./estimate.ts";
import type { Account, Job } from "./job-model.ts";
import type { Rights } from "./lane-queue.ts";
import { isServing } from "./lane-workers.ts";
import type { MayEvict } from "./lanes.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";
import type { Reservation } from "./timetable.ts";

/** Work of unknown length is taken to last at most this many times what is expected of it. */
const UNKNOWN_FACTOR = 2;

/** Whether a reservation is for jobs of these accounts. */
export function isFor(reservation: Reservation, accounts: readonly Account[]): boolean {
  return accounts.some(({ key }) => reservation.accounts.includes(key));
}

/** Keys of all accounts that have GPUs reserved. */
export function reservedAccounts(state: State): ReadonlySet<string> {
  return new Set([...state.reservations.values()].flatMap(({ accounts }) => accounts));
}

/** Whether the reservation holds its GPUs at `nowMs`. */
export function isActive(reservation: Reservation, nowMs: number): boolean {
  return reservation.startAtMs <= nowMs && nowMs < reservation.endAtMs;
}

/**
 * The first reservation that keeps work of `accounts` off these GPUs, now or if it takes longer than `lengthMs` from
 * now; null = none does. An infinite length asks for any that is to come.
 */
export function reservationAgainst(
  state: State,
  gpus: Iterable<Gpu>,
  accounts: readonly Account[],
  nowMs: number,
  lengthMs: number,
): Reservation | null {
  if (state.reservations.size === 0) return null;
  let first: Reservation | null = null;
  for (const { uuid } of gpus) {
    for (const reservation of state.reservations.values()) {
      const isBefore = nowMs < reservation.startAtMs && nowMs + lengthMs <= reservation.startAtMs;
      if (isBefore || reservation.endAtMs <= nowMs) continue;
      if (!reservation.gpus.includes(uuid) || isFor(reservation, accounts)) continue;
      if (first === null || reservation.startAtMs < first.startAtMs) first = reservation;
    }
  }
  return first;
}

/** A run that the job will hardly exceed, also where little is known of it. Milliseconds. */
function likelyLongestMs(state: State, job: Job): number {
  return longestRunMs(job) ?? UNKNOWN_FACTOR * runMs(state, job);
}

/** The reservation that keeps `job` from the worker's GPUs, should it be handed to it now. */
export function reservationAgainstJob(
  state: State,
  worker: Worker,
  job: Job,
  nowMs: number,
): Reservation | null {
  if (state.reservations.size === 0) return null;
  const lengthMs = likelyLongestMs(state, job);
  const gpus = worker.leases.map((lease) => lease.gpu);
  return reservationAgainst(state, gpus, job.terms.accounts, nowMs, lengthMs);
}

/** How long a new worker of the lane would hold GPUs for this job. Milliseconds. */
function reservedLengthMs(state: State, lane: Lane, job: Job): number {
  return readyMs(lane) + likelyLongestMs(state, job) + leaveMs(lane);
}

/** Whether `gpu` is reserved at `nowMs` for anybody. */
export function isReservedNow(state: State, gpu: Gpu, nowMs: number): boolean {
  for (const reservation of state.reservations.values())
    if (isActive(reservation, nowMs) && reservation.gpus.includes(gpu.uuid)) return true;
  return false;
}

/** Reservations that hold their GPUs now, the oldest first. */
export function activeReservations(state: State, nowMs: number): Reservation[] {
  return [...state.reservations.values()].filter((reservation) => isActive(reservation, nowMs));
}

/** Of those who may run, only those that the reservation is for. */
export function rightsWithin(reservation: Reservation, rights: Rights): Rights {
  return {
    isBlocked: (accounts) => !isFor(reservation, accounts) || rights.isBlocked(accounts),
    pressure: (account) => rights.pressure(account),
  };
}

/**
 * Whether a new worker of the lane may be put on `gpu` as far as reservations go.
 * @param job that it is for; undefined: a person asked for the worker, and may name any GPU
 */
export function isOpenTo(state: State, lane: Lane, job: Job | undefined, gpu: Gpu, nowMs: number): boolean {
  if (state.reservations.size === 0) return true;
  if (job === undefined) return lane.summons?.gpu === gpu.uuid || !isReservedNow(state, gpu, nowMs);
  return (
    reservationAgainst(state, [gpu], job.terms.accounts, nowMs, reservedLengthMs(state, lane, job)) === null
  );
}

/** The reservation for which a new worker of the lane cannot be put anywhere for this job; null = there is none. */
export function reservationInTheWay(state: State, lane: Lane, job: Job, nowMs: number): Reservation | null {
  if (state.reservations.size === 0) return null;
  const healthy = [...state.gpus.values()].filter(isUsable);
  const closed = healthy.filter((gpu) => !isOpenTo(state, lane, job, gpu, nowMs));
  if (closed.length === 0 || healthy.length - closed.length >= lane.spec.gpuCount) return null;
  return reservationAgainst(state, closed, job.terms.accounts, nowMs, reservedLengthMs(state, lane, job));
}

/** Passes over what the buckets of these accounts hold. */
function without(rights: Rights, passedOver: readonly (readonly Account[])[]): Rights {
  return {
    isBlocked: (accounts) => passedOver.includes(accounts) || rights.isBlocked(accounts),
    pressure: (account) => rights.pressure(account),
  };
}

/**
 * The job of the lane that a worker is to be started for next. Where a reservation is in the way of the first, it is the
 * first one of somebody else for which none is.
 */
export function nextOpenJob(state: State, lane: Lane, rights: Rights, nowMs: number): Job | undefined {
  const passedOver: (readonly Account[])[] = [];
  let first: Job | undefined;
  for (let bucket = lane.queue.next(rights); bucket; bucket = lane.queue.next(without(rights, passedOver))) {
    const job = state.jobs.get(lane.queue.peek(without(rights, passedOver)) ?? 0);
    first ??= job;
    if (job === undefined || reservationInTheWay(state, lane, job, nowMs) === null) return job ?? first;
    passedOver.push(bucket.accounts);
  }
  return first;
}

/** Whether reservations keep all that the lane could go on with from the GPUs: it waits for a time, not for its turn. */
export function isKeptOut(state: State, lane: Lane, rights: Rights, nowMs: number): boolean {
  if (state.reservations.size === 0 || lane.spec.gpuCount === 0) return false;
  const job = nextOpenJob(state, lane, rights, nowMs);
  return job !== undefined && reservationInTheWay(state, lane, job, nowMs) !== null;
}

/** The lane's next job that the worker may be handed: the first one, else the first of those whose GPUs these are anyway. */
export function nextJobOn(
  state: State,
  worker: Worker,
  rights: Rights,
  nowMs: number,
): { job: Job | undefined; against: Reservation | null } {
  const { queue } = worker.lane;
  const job = state.jobs.get(queue.peek(rights) ?? 0);
  if (job === undefined) return { job, against: null };
  const against = reservationAgainstJob(state, worker, job, nowMs);
  if (against === null) return { job, against };
  const gpus = worker.leases.map((lease) => lease.gpu);
  const id = queue.peek({
    isBlocked: (accounts) =>
      rights.isBlocked(accounts) || reservationAgainst(state, gpus, accounts, nowMs, Infinity) !== null,
    pressure: (account) => rights.pressure(account),
  });
  return { job: state.jobs.get(id ?? 0), against };
}

/** Whether none of the lane's workers may be handed this job for as long as reservations last. */
export function isShutOut(state: State, lane: Lane, job: Job, nowMs: number): boolean {
  if (state.reservations.size === 0) return false;
  for (const worker of lane.workers) {
    if (!isServing(worker)) continue;
    if (reservationAgainstJob(state, worker, job, nowMs) === null) return false;
  }
  return true;
}

/**
 * Whom a job may move off the GPUs that are reserved for it: whoever serves others, pinned or not. What runs is let
 * finish, unless it may be preempted. Among those that the reservation is for, the plan decides as always.
 */
export function mayEvictWithin(
  reservation: Reservation,
  lane: Lane,
  rights: Rights,
  otherwise: MayEvict,
): MayEvict {
  return (worker) => {
    const how = otherwise(worker);
    const isThere = isServing(worker) || worker.phase.state === "asleep";
    if (how !== null || worker.lane === lane || !isThere) return how;
    for (const job of worker.jobs) if (isFor(reservation, job.terms.accounts)) return null;
    if (worker.lane.spec.residency === "one-shot")
      return [...worker.jobs].every((job) => job.terms.preemptible) ? "preempt" : null;
    return worker.lane.queue.next(rightsWithin(reservation, rights)) === undefined ? "drain" : null;
  };
}
