import { unreachable } from "../std/assert.ts";
import { formatUtc } from "../std/format-utc.ts";
import { isUsable } from "./capacity.ts";
import { endEarly } from "./end-early.ts";
import type { Reply } from "./events.ts";
import type { Gpu, State, Worker } from "./model.ts";
import { refuse } from "./refusals.ts";
import { isFor } from "./reserved.ts";
import type { NewReservation, Reservation, ReservationRequest } from "./timetable.ts";
import { log, type Transition } from "./transition.ts";

/** Applies what was asked about a reservation. */
export function applyReservationRequest(tx: Transition, request: ReservationRequest): Reply {
  switch (request.type) {
    case "add-reservation":
      return addReservation(tx, request.reservation);
    case "remove-reservation": {
      const reservation = tx.state.reservations.get(request.reservationId);
      if (reservation === undefined) {
        const text = `there is no reservation ${request.reservationId}`;
        return refuse("reservation/unknown", text, "orch reserve ls");
      }
      removeReservation(tx, reservation, "removed");
      return { ok: true, ids: [reservation.id] };
    }
    default:
      return unreachable(request);
  }
}

/** A start that is past means now, as long as the end is ahead. The GPUs are chosen here, once. */
function addReservation(tx: Transition, asked: NewReservation): Reply {
  const { state, nowMs } = tx;
  const startAtMs = Math.max(nowMs, asked.startAtMs);
  const refusal = refusalOfTimes(asked, nowMs) ?? refusalOfGpus(state, asked);
  if (refusal) return refusal;
  const window = { startAtMs, endAtMs: asked.endAtMs };
  const { gpus, taken } = chooseGpus(state, asked, window);
  if (gpus === null) return refuseTaken(asked, taken);
  const { name, accounts, uid, user } = asked;
  const id = state.nextReservationId++;
  const reservation: Reservation = { id, name, gpus, ...window, accounts, uid, user, hasBegun: false };
  state.reservations.set(id, reservation);
  tx.changes.reservations.add(reservation);
  tx.needsPlan = true;
  watchReservation(state, reservation);
  const where = gpus.map((uuid) => state.gpus.get(uuid)?.index ?? uuid).join(", ");
  const span = `${formatUtc(startAtMs)} to ${formatUtc(asked.endAtMs)}`;
  log(tx, "reservation-added", `GPU ${where} is reserved for ${accounts.join(", ")} from ${span} (${name})`);
  return { ok: true, ids: [id] };
}

function refusalOfTimes({ startAtMs, endAtMs }: NewReservation, nowMs: number): Reply | null {
  if (endAtMs <= startAtMs)
    return refuse("reservation/invalid", "the reservation would end before it begins", "give it --for 2h");
  if (endAtMs <= nowMs)
    return refuse("reservation/invalid", "the reservation would be over already", "give it a later --start");
  return null;
}

function refusalOfGpus(state: State, { count, gpus }: NewReservation): Reply | null {
  const unknown = gpus?.find((uuid) => !state.gpus.has(uuid));
  if (unknown !== undefined) return refuse("gpu/unknown", `there is no GPU ${unknown}`, "orch gpus");
  if (count < 1) return refuse("reservation/invalid", "no GPU is asked for", "--gpus 1");
  if (count <= state.gpus.size) return null;
  const text = `${count} GPUs are asked for, and this host has ${state.gpus.size}`;
  return refuse("gpu/too-many", text, `--gpus ${state.gpus.size}`);
}

/** GPUs without another reservation in the window: those that are well and idle first, by index. */
function chooseGpus(
  state: State,
  { count, gpus: wanted }: NewReservation,
  window: { readonly startAtMs: number; readonly endAtMs: number },
): { gpus: readonly string[] | null; taken: readonly Reservation[] } {
  const overlapping = [...state.reservations.values()].filter(
    (each) => each.startAtMs < window.endAtMs && window.startAtMs < each.endAtMs,
  );
  const isTaken = (uuid: string): boolean => overlapping.some(({ gpus }) => gpus.includes(uuid));
  const candidates = [...state.gpus.values()].filter(({ uuid }) => wanted?.includes(uuid) ?? true);
  const taken = overlapping.filter(({ gpus }) => candidates.some(({ uuid }) => gpus.includes(uuid)));
  const free = candidates.filter(({ uuid }) => !isTaken(uuid)).sort(compareGpus);
  return { gpus: free.length < count ? null : free.slice(0, count).map(({ uuid }) => uuid), taken };
}

function compareGpus(left: Gpu, right: Gpu): number {
  return (
    Number(isUsable(right)) - Number(isUsable(left)) ||
    left.leases.size - right.leases.size ||
    left.index - right.index
  );
}

function refuseTaken({ count }: NewReservation, taken: readonly Reservation[]): Reply {
  const others = taken
    .map(({ id, name, endAtMs }) => `${name} (${id}) until ${formatUtc(endAtMs)}`)
    .join(", ");
  const text = `fewer than ${count} of the GPUs are free of other reservations then: ${others}`;
  return refuse("reservation/refused", text, "orch reserve ls");
}

function removeReservation(tx: Transition, reservation: Reservation, how: "removed" | "over"): void {
  tx.state.reservations.delete(reservation.id);
  tx.changes.reservations.delete(reservation);
  tx.changes.reservationsRemoved.push({ id: reservation.id, atMs: tx.nowMs });
  tx.needsPlan = true;
  log(tx, `reservation-${how}`, `reservation ${reservation.name} is ${how}`);
}

/** Has the reservation looked at when it begins and when it ends. */
export function watchReservation(state: State, { id, startAtMs, endAtMs, hasBegun }: Reservation): void {
  for (const atMs of hasBegun ? [endAtMs] : [startAtMs, endAtMs])
    state.deadlines.add({ atMs, kind: "reservation", id: String(id) });
}

/** The reservation begins or is over. */
export function applyReservationDue(tx: Transition, id: number): void {
  const reservation = tx.state.reservations.get(id);
  if (reservation === undefined) return;
  if (reservation.endAtMs <= tx.nowMs) return removeReservation(tx, reservation, "over");
  if (reservation.hasBegun || reservation.startAtMs > tx.nowMs) return;
  reservation.hasBegun = true;
  tx.changes.reservations.add(reservation);
  tx.needsPlan = true;
  log(tx, "reservation-begun", `reservation ${reservation.name} begins`);
  for (const uuid of reservation.gpus) {
    const leases = tx.state.gpus.get(uuid)?.leases ?? [];
    for (const { worker } of [...leases]) preemptOthers(tx, worker, reservation);
  }
}

/** Work of others that may be preempted goes back to its queue; what else runs is let finish. */
function preemptOthers(tx: Transition, worker: Worker, reservation: Reservation): void {
  for (const job of [...worker.jobs])
    if (job.terms.preemptible && !isFor(reservation, job.terms.accounts)) endEarly(tx, job, "preempted");
}
