import { z } from "zod";
import { Moment } from "../protocol/inputs.ts";
import { Name, NameOrId, ReservationView } from "../protocol/timetable.ts";
import { isActive } from "../scheduler/reserved.ts";
import type { Reservation } from "../scheduler/timetable.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { toTimestamp } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

const Accounts = z.array(z.string().min(1).max(100)).max(100).default([]);

export const reserve = operation({
  route: "POST /reservations",
  summary: "Keep GPUs for some users for a while",
  who: "admins",
  input: z.strictObject({
    gpus: z
      .number()
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe("how many; default: as many as `gpu` names, or 1"),
    gpu: z.array(z.string()).max(64).default([]).describe("indices or UUIDs to choose from; none = all"),
    start: Moment.nullable().default(null).describe("null or past = now"),
    end: Moment,
    users: Accounts.describe("whose jobs may use them; default without groups: the caller's"),
    groups: Accounts.describe("Unix groups whose members' jobs may use them"),
    name: Name.optional(),
  }),
  output: ReservationView,
  async run(ctx, input, caller) {
    const { users, groups, start, end } = input;
    const wanted = users.length + groups.length === 0 ? [caller.user] : users;
    const gpus = input.gpu.length === 0 ? null : [...new Set(input.gpu.map((gpu) => uuidOf(ctx, gpu)))];
    const reservation = {
      name: input.name ?? `${wanted[0] ?? groups[0] ?? caller.user}-${ctx.state().nextReservationId}`,
      count: input.gpus ?? gpus?.length ?? 1,
      gpus,
      startAtMs: start ?? ctx.clock.nowMs(),
      endAtMs: end,
      accounts: [...wanted.map((user) => `user:${user}`), ...groups.map((group) => `group:${group}`)],
      uid: caller.uid,
      user: caller.user,
    };
    const [id] = await ctx.ask({ type: "add-reservation", reservation });
    const made = id === undefined ? undefined : ctx.state().reservations.get(id);
    return viewReservation(ctx, must(made, "a reservation that was just made is there"));
  },
});

export const reservations = operation({
  route: "GET /reservations",
  summary: "List reservations, the next one first",
  who: "all",
  input: z.strictObject({}),
  output: z.object({ reservations: z.array(ReservationView) }),
  async run(ctx) {
    const known = [...ctx.state().reservations.values()];
    known.sort((left, right) => left.startAtMs - right.startAtMs || left.id - right.id);
    return { reservations: known.map((reservation) => viewReservation(ctx, reservation)) };
  },
});

export const reserveRemove = operation({
  route: "POST /reservations/:reservation/remove",
  summary: "Give a reservation up",
  who: "owner",
  input: z.strictObject({ reservation: NameOrId }),
  output: ReservationView,
  async run(ctx, { reservation: asked }, caller) {
    const found = findReservation(ctx, asked);
    refuseStranger(ctx.host.uid, { ...found, what: `reservation ${found.name}` }, caller);
    const view = viewReservation(ctx, found);
    await ctx.ask({ type: "remove-reservation", reservationId: found.id });
    return view;
  },
});

/** By number, or by a name that only one has. */
function findReservation(ctx: Context, asked: string): Reservation {
  const known = ctx.state().reservations;
  const byId = /^\d+$/.test(asked) ? known.get(Number(asked)) : undefined;
  const named = [...known.values()].filter(({ name }) => name === asked);
  if (byId === undefined && named.length > 1) {
    throw new Failure("usage/invalid", `${named.length} reservations are called "${asked}"`, {
      hint: `name one by its number: ${named.map(({ id }) => id).join(", ")}`,
    });
  }
  const found = byId ?? named[0];
  if (found) return found;
  throw new Failure("reservation/unknown", `there is no reservation "${asked}"`, { hint: "orch reserve ls" });
}

function viewReservation(ctx: Context, reservation: Reservation): z.input<typeof ReservationView> {
  const { id, name, startAtMs, endAtMs, accounts, user } = reservation;
  const named = (kind: string): string[] =>
    accounts.filter((key) => key.startsWith(kind)).map((key) => key.slice(kind.length));
  return {
    id,
    name,
    state: isActive(reservation, ctx.clock.nowMs()) ? "active" : "planned",
    gpus: reservation.gpus.map((uuid) => ({ index: ctx.state().gpus.get(uuid)?.index ?? null, uuid })),
    start: toTimestamp(startAtMs),
    end: toTimestamp(endAtMs),
    users: named("user:"),
    groups: named("group:"),
    owner: user,
  };
}

/** @throws Failure gpu/unknown */
function uuidOf(ctx: Context, asked: string): string {
  for (const gpu of ctx.state().gpus.values())
    if (gpu.uuid === asked || String(gpu.index) === asked) return gpu.uuid;
  throw new Failure("gpu/unknown", `there is no GPU "${asked}"`, { hint: "orch gpus" });
}
