import type { Effect } from "../scheduler/effects.ts";
import type { Event, Reply, Report, Request } from "../scheduler/events.ts";
import { checkInvariants } from "../scheduler/invariants.ts";
import type { State } from "../scheduler/model.ts";
import { pendingEffects, restore } from "../scheduler/restore.ts";
import { type Step, step } from "../scheduler/step.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import { checkOverdue } from "./check-overdue.ts";
import { checkTransition, createMemory, forget } from "./check-transition.ts";
import { compareStates } from "./compare-states.ts";
import { createMirror, type Mirror } from "./mirror.ts";
import type { SimOptions } from "./options.ts";
import { createPerformer, type Performer } from "./performer.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** One step as it was taken, for replays and reports. */
export interface TraceEntry {
  readonly atMs: number;
  readonly events: readonly Event[];
  readonly replies: readonly (Reply | null)[];
  readonly effects: readonly Effect[];
}

/** The daemon's loop around the real scheduler. It can die at any moment and comes back from the database alone. */
export interface VirtualDaemon {
  readonly mirror: Mirror;
  readonly trace: readonly TraceEntry[];
  /** Undefined while it is down. */
  readonly state: State | undefined;
  /** Sends a request; `onReply` is called once it is on disk, and never if the daemon dies before. */
  ask(request: Request, onReply?: (reply: Reply) => void): void;
  /** Looks at the GPUs, and reports them if they are not as they were when it looked last. */
  sample(): void;
  /** Dies now and comes back after `downMs`. */
  crash(downMs: number): void;
}

export interface DaemonParts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly host: VirtualHost;
  readonly options: SimOptions;
}

interface Waiting {
  readonly event: Event;
  readonly onReply: ((reply: Reply) => void) | undefined;
}

/** One life of the daemon: what is lost when it dies. */
interface Life {
  readonly state: State;
  readonly performer: Performer;
  inbox: Waiting[];
  /** The latest timer; older ones are void. */
  timer: number;
  lastSeen: string;
}

type CrashPoint = "before the commit" | "before the effects" | "between the effects" | null;

interface Daemon extends DaemonParts {
  readonly mirror: Mirror;
  readonly memory: ReturnType<typeof createMemory>;
  readonly trace: TraceEntry[];
  life: Life | undefined;
}

/** Starts a daemon with an empty database. */
export function createDaemon(parts: DaemonParts): VirtualDaemon {
  const daemon: Daemon = {
    ...parts,
    mirror: createMirror(),
    memory: createMemory(),
    trace: [],
    life: undefined,
  };
  begin(daemon);
  return {
    mirror: daemon.mirror,
    trace: daemon.trace,
    get state() {
      return daemon.life?.state;
    },
    ask: (request, onReply) => push(daemon, request, onReply),
    sample: () => sample(daemon),
    crash: (downMs) => crash(daemon, downMs),
  };
}

function begin(daemon: Daemon): void {
  const state = restore(daemon.options.policy, daemon.mirror.rows());
  checkInvariants(state);
  const { agenda, rng, host } = daemon;
  const report = (news: Report): void => push(daemon, news, undefined);
  const performer = createPerformer({ agenda, rng, host, state, report });
  daemon.life = { state, performer, inbox: [], timer: 0, lastSeen: "" };
  for (const effect of pendingEffects(state)) performer.resume(effect);
  push(daemon, { type: "tick" }, undefined);
  sample(daemon);
}

function sample(daemon: Daemon): void {
  const { life, host } = daemon;
  if (life === undefined) return;
  // A lost GPU is either named as such or missing from the list, as drivers do.
  const gpus = host.see().filter((gpu) => gpu.healthy || gpu.index % 2 === 0);
  const text = JSON.stringify(gpus);
  if (text === life.lastSeen) return;
  life.lastSeen = text;
  push(daemon, { type: "gpus-seen", gpus }, undefined);
}

function crash(daemon: Daemon, downMs: number): void {
  if (daemon.life === undefined) return;
  daemon.life.performer.die();
  daemon.life = undefined;
  forget(daemon.memory);
  daemon.agenda.later(downMs, () => begin(daemon));
}

function push(daemon: Daemon, what: Request | Report, onReply: Waiting["onReply"]): void {
  const { life, agenda, rng } = daemon;
  if (life === undefined) return;
  life.inbox.push({ event: { ...what, atMs: agenda.nowMs }, onReply });
  if (life.inbox.length > 1) return;
  // What arrives in the same turn shares one transaction; now and then a turn takes long.
  agenda.later(rng.chance(0.8) ? 0 : rng.below(60), () => {
    if (daemon.life === life) turn(daemon, life);
  });
}

function turn(daemon: Daemon, life: Life): void {
  const batch = life.inbox;
  life.inbox = [];
  const events = batch.map((waiting) => waiting.event);
  const taken = step(life.state, events);
  const { replies, effects } = taken;
  daemon.trace.push({ atMs: daemon.agenda.nowMs, events, replies, effects });
  const crashPoint = chooseCrash(daemon);
  if (crashPoint === "before the commit") return crash(daemon, downMs(daemon));
  commit(daemon, life, events, taken);
  if (crashPoint === "before the effects") return crash(daemon, downMs(daemon));
  for (const [index, waiting] of batch.entries()) {
    const reply = replies[index];
    if (reply) waiting.onReply?.(reply);
  }
  const count = crashPoint === null ? effects.length : daemon.rng.below(effects.length + 1);
  for (const effect of effects.slice(0, count)) life.performer.perform(effect);
  if (crashPoint !== null) return crash(daemon, downMs(daemon));
  setTimer(daemon, life, taken.wakeAtMs);
}

function chooseCrash({ rng, host }: Daemon): CrashPoint {
  if (!rng.chance(host.faults.daemonCrash)) return null;
  return rng.pick(["before the commit", "before the effects", "between the effects"] as const);
}

function downMs({ rng }: Daemon): number {
  return rng.pick([10, 500, 20_000]);
}

/** Checks the step and makes it durable. The last event's time is the time the scheduler went by. */
function commit(daemon: Daemon, life: Life, events: readonly Event[], taken: Step): void {
  const { mirror, host, memory, rng, options } = daemon;
  const { state } = life;
  const nowMs = events.at(-1)?.atMs ?? 0;
  checkTransition({ before: mirror, state, events, step: taken, host, memory, nowMs });
  mirror.apply(taken.changes);
  checkInvariants(state);
  checkOverdue(state, taken.changes, nowMs);
  if (rng.chance(options.compareRate)) compareStates(state, restore(options.policy, mirror.rows()));
}

function setTimer(daemon: Daemon, life: Life, wakeAtMs: number | undefined): void {
  life.timer += 1;
  const mine = life.timer;
  if (wakeAtMs === undefined) return;
  daemon.agenda.later(wakeAtMs - daemon.agenda.nowMs, () => {
    if (daemon.life === life && life.timer === mine) push(daemon, { type: "tick" }, undefined);
  });
}
