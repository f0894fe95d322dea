import type { Fire } from "../scheduler/effects.ts";
import type { Event, Reply, Report, Request, SeenGpu, SeenWorker } from "../scheduler/events.ts";
import { checkInvariants } from "../scheduler/invariants.ts";
import type { State } from "../scheduler/model.ts";
import { pendingEffects, restore } from "../scheduler/restore.ts";
import { step } from "../scheduler/step.ts";
import { createRng, type Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import { checkOverdue } from "./check-overdue.ts";
import { countSpins } from "./check-spins.ts";
import { checkTransition, createMemory, forget } from "./check-transition.ts";
import { chooseFate } from "./commit-fate.ts";
import { compareStates } from "./compare-states.ts";
import type { Commit, Daemon, Life, Waiting } from "./daemon-life.ts";
import { type Diary, note } from "./diary.ts";
import { createMirror, type Mirror } from "./mirror.ts";
import type { SimOptions } from "./options.ts";
import { createPerformer } from "./performer.ts";
import { areEqual, listed } from "./readings.ts";
import { fireRequest } from "./schedule-keepers.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** The daemon's loop around the real scheduler. It can die at any moment and comes back from the database alone. */
export interface VirtualDaemon {
  readonly mirror: Mirror;
  /** Undefined while it is down. */
  readonly state: State | undefined;
  /** How far the host's clock was set back, all in all: by so much whatever waits for a time may be late. */
  readonly setBackMs: number;
  /** Sends a request; `onReply` is called once it is on disk, and never if the commit fails or the daemon dies before. */
  ask(request: Request, onReply?: (reply: Reply) => void): void;
  /** Tells it some news. */
  report(report: Report): void;
  /** Does this as soon as the daemon listens: now, or once the commit under way is done. Never if it dies before. */
  whenListening(act: () => void): void;
  /** Looks at the GPUs, and reports them if they are not as they were when it looked last. */
  sample(): void;
  /** Hands on a reading that the driver gave late. */
  seeLate(gpus: readonly SeenGpu[]): void;
  /** Dies now and comes back after `downMs`. */
  crash(downMs: number): void;
  /** Nothing can be written for `forMs`. */
  fillDisk(forMs: number): void;
  /** Sets the host's clock. A running daemon goes on by its own, as `createSteadyClock` does. */
  setClock(byMs: number): void;
}

export interface DaemonParts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly host: VirtualHost;
  readonly options: SimOptions;
  readonly diary: Diary;
}

/** While nothing can be written, reports are tried again this often, as in daemon/loop.ts. */
const RETRY_MS = 500;

/** Starts a daemon with an empty database. */
export function createDaemon(parts: DaemonParts, seed: number): VirtualDaemon {
  const daemon: Daemon = {
    ...parts,
    mirror: createMirror(),
    memory: createMemory(),
    checkRng: createRng(seed ^ 0xc0de),
    life: undefined,
    clockAheadMs: 0,
    setBackMs: 0,
    diskFullUntilMs: 0,
    lastRequestId: 0,
  };
  begin(daemon);
  return {
    mirror: daemon.mirror,
    get state() {
      return daemon.life?.state;
    },
    get setBackMs() {
      return daemon.setBackMs;
    },
    ask: (request, onReply) => push(daemon, request, onReply),
    report: (report) => push(daemon, report, undefined),
    whenListening(act) {
      if (daemon.life?.writing) daemon.life.callers.push(act);
      else if (daemon.life) act();
    },
    sample: () => sample(daemon),
    seeLate: (gpus) => see(daemon, listed(gpus)),
    crash: (downMs) => crash(daemon, downMs),
    fillDisk(forMs) {
      daemon.diskFullUntilMs = daemon.agenda.nowMs + forMs;
    },
    setClock(byMs) {
      daemon.clockAheadMs += byMs;
      daemon.setBackMs += Math.max(0, -byMs);
      note(daemon.diary, "clock-set");
    },
  };
}

function begin(daemon: Daemon): void {
  const { agenda, rng, host } = daemon;
  const state = restoreState(daemon);
  const report = (news: Report): void => push(daemon, news, undefined);
  const performer = createPerformer({ agenda, rng, host, state: () => daemon.life?.state ?? state, report });
  const life: Life = {
    state,
    performer,
    aheadMs: daemon.clockAheadMs,
    inbox: [],
    isScheduled: false,
    writing: null,
    callers: [],
    timer: 0,
    spins: 0,
    lastSeen: null,
    lastSeenWorkers: [],
  };
  daemon.life = life;
  for (const effect of pendingEffects(state)) performer.resume(effect);
  push(daemon, { type: "tick" }, undefined);
  sample(daemon);
}

/** What a daemon knows of the database alone: requests are not in it. */
function restoreState({ options, mirror, lastRequestId }: Daemon): State {
  const state = restore(options.policy, mirror.rows());
  state.lastRequestId = lastRequestId;
  checkInvariants(state);
  return state;
}

/** All that is in memory alone is thrown away. */
function loseRequests(daemon: Daemon, state: State): void {
  daemon.lastRequestId = state.lastRequestId;
  daemon.mirror.loseRequests();
  daemon.host.loseRequests();
}

function sample(daemon: Daemon): void {
  const { life, host, options } = daemon;
  if (life === undefined || host.driverHangs) return;
  const gpus = listed(host.see());
  const workers = options.seesWorkers ? host.seeWorkers() : [];
  const isNew = life.lastSeen === null || !areEqual(gpus, life.lastSeen);
  if (!isNew && JSON.stringify(workers) === JSON.stringify(life.lastSeenWorkers)) return;
  life.lastSeenWorkers = workers;
  see(daemon, gpus, workers);
}

function see(daemon: Daemon, gpus: readonly SeenGpu[], workers: readonly SeenWorker[] = []): void {
  if (daemon.life === undefined) return;
  daemon.life.lastSeen = gpus;
  push(daemon, { type: "gpus-seen", gpus, workers }, undefined);
}

function crash(daemon: Daemon, downMs: number): void {
  const { life } = daemon;
  if (life === undefined) return;
  if (life.writing !== null) daemon.mirror.apply(life.writing.taken.changes);
  life.performer.die();
  loseRequests(daemon, life.state);
  daemon.life = undefined;
  forget(daemon.memory);
  note(daemon.diary, "daemon-died");
  daemon.agenda.later(downMs, () => begin(daemon));
}

function push(daemon: Daemon, event: Request | Report, onReply: Waiting["onReply"]): void {
  const { life } = daemon;
  if (life === undefined) return;
  life.inbox.push({ event, onReply });
  schedule(daemon, life);
}

/** What arrives in the same turn shares one transaction; now and then a turn takes long. */
function schedule(daemon: Daemon, life: Life): void {
  if (life.isScheduled || life.writing !== null) return;
  life.isScheduled = true;
  daemon.agenda.later(daemon.rng.chance(0.8) ? 0 : daemon.rng.below(60), () => {
    life.isScheduled = false;
    if (daemon.life === life && life.inbox.length > 0) turn(daemon, life);
  });
}

/** As the turn of daemon/loop.ts: one time for all that has arrived, one step, one commit. */
function turn(daemon: Daemon, life: Life): void {
  const { agenda, rng, host, diary } = daemon;
  const batch = life.inbox;
  life.inbox = [];
  const nowMs = agenda.nowMs + life.aheadMs;
  const events = batch.map(({ event }): Event => ({ ...event, atMs: nowMs }));
  const wasStopping = life.state.stopping;
  const taken = step(life.state, events);
  const { replies, effects, changes } = taken;
  diary.step({ atMs: nowMs, events, replies, effects, log: changes.log });
  if (agenda.nowMs < daemon.diskFullUntilMs) return recover(daemon, life, batch, wasStopping);
  const { tookMs, crash: point } = chooseFate(rng, host.faults);
  if (point === "before the commit") return crash(daemon, downMs(daemon));
  const { mirror, memory } = daemon;
  checkTransition({ before: mirror, state: life.state, events, step: taken, host, memory, nowMs });
  life.writing = { batch, taken, nowMs, crash: point };
  if (point === "during the commit") return crash(daemon, downMs(daemon));
  if (tookMs === 0) return finish(daemon, life, life.writing);
  const writing = life.writing;
  note(diary, "commit-slow");
  agenda.later(tookMs, () => {
    if (daemon.life === life) finish(daemon, life, writing);
  });
}

/** The commit failed. As in daemon/loop.ts, the state is thrown away, and what the world said is kept. */
function recover(daemon: Daemon, life: Life, batch: readonly Waiting[], wasStopping: boolean): void {
  loseRequests(daemon, life.state);
  life.state = restoreState(daemon);
  life.state.stopping = wasStopping;
  forget(daemon.memory);
  note(daemon.diary, "commit-failed");
  const kept = batch.filter(({ event, onReply }) => onReply === undefined && isKept(event));
  const seen: Waiting[] =
    life.lastSeen === null ? [] : [{ event: { type: "gpus-seen", gpus: life.lastSeen }, onReply: undefined }];
  life.inbox = [...seen, ...kept, ...life.inbox];
  daemon.agenda.later(RETRY_MS, () => {
    if (daemon.life === life) schedule(daemon, life);
  });
}

/** Who asked for something is told that it failed. Every try looks at the GPUs and the time anew. */
function isKept({ type }: Request | Report): boolean {
  return type.startsWith("worker-") || type === "job-ended";
}

/** The step is on disk: it is told, done, and looked at once more. */
function finish(daemon: Daemon, life: Life, { batch, taken, nowMs, crash: point }: Commit): void {
  life.writing = null;
  daemon.mirror.apply(taken.changes);
  checkWhole(daemon, life.state, nowMs);
  if (point === "before the effects") return crash(daemon, downMs(daemon));
  for (const [index, { onReply }] of batch.entries()) {
    const reply = taken.replies[index];
    if (reply) onReply?.(reply);
  }
  const { effects } = taken;
  const count = point === null ? effects.length : daemon.rng.below(effects.length + 1);
  for (const effect of effects.slice(0, count)) life.performer.perform(effect);
  if (point !== null) return crash(daemon, downMs(daemon));
  for (const fire of taken.fires) carryOut(daemon, life, fire);
  const events = batch.map(({ event }) => event);
  life.spins = countSpins(life.spins, events, taken, nowMs);
  setTimer(daemon, life, taken.wakeAtMs);
  const { callers } = life;
  life.callers = [];
  for (const act of callers) act();
  if (life.inbox.length > 0) schedule(daemon, life);
}

/** Makes the jobs of a schedule that is due, which takes its time, and asks for them. */
function carryOut(daemon: Daemon, life: Life, fire: Fire): void {
  const { agenda, rng, options } = daemon;
  agenda.later(rng.pick([0, 0, 20, 3_000]), () => {
    if (daemon.life !== life) return;
    push(daemon, fireRequest(options, life.state, fire, rng.chance(0.05)), undefined);
    if (rng.chance(options.faults.duplicateReport))
      push(daemon, fireRequest(options, life.state, fire, false), undefined);
  });
}

function checkWhole(daemon: Daemon, state: State, nowMs: number): void {
  const { checkRng, options, mirror } = daemon;
  if (checkRng.chance(options.invariantRate)) checkInvariants(state);
  checkOverdue(state, nowMs);
  if (checkRng.chance(options.compareRate)) compareStates(state, restore(options.policy, mirror.rows()));
}

function downMs({ rng }: Daemon): number {
  return rng.pick([10, 500, 20_000]);
}

function setTimer(daemon: Daemon, life: Life, wakeAtMs: number | undefined): void {
  life.timer += 1;
  const mine = life.timer;
  if (wakeAtMs === undefined) return;
  daemon.agenda.later(wakeAtMs - life.aheadMs - daemon.agenda.nowMs, () => {
    if (daemon.life === life && life.timer === mine) push(daemon, { type: "tick" }, undefined);
  });
}
