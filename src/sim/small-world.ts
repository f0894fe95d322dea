import type { Event, Reply, Report, RunOutcome, SeenGpu } from "../scheduler/events.ts";
import { checkInvariants } from "../scheduler/invariants.ts";
import type { Policy, State } from "../scheduler/model.ts";
import { pendingEffects, restore } from "../scheduler/restore.ts";
import { step } from "../scheduler/step.ts";
import { assert } from "../std/assert.ts";
import { checkOverdue } from "./check-overdue.ts";
import { checkTransition, createMemory, forget, rememberEvents } from "./check-transition.ts";
import { compareStates } from "./compare-states.ts";
import { SCOPE_GPU_BYTES, type Scope } from "./explore-scopes.ts";
import { createMirror, type Mirror } from "./mirror.ts";
import { healthyGpu } from "./virtual-host.ts";
import type { VirtualGpu } from "./virtual-machine.ts";
import { checkNewRun, type Program, type Run } from "./virtual-program.ts";

/**
 * A daemon and a host in which nothing happens by itself: whoever holds it chooses what happens next (small-acts.ts).
 * Nothing takes time unless time is let pass.
 */
export interface SmallWorld {
  readonly scope: Scope;
  readonly gpus: readonly VirtualGpu[];
  readonly programs: Map<number, Program>;
  readonly live: Set<Program>;
  readonly runs: Map<number, Run[]>;
  readonly mirror: Mirror;
  readonly memory: ReturnType<typeof createMemory>;
  /** Programs that were told to end, and runs that were told to. */
  readonly stopOrdered: Set<number>;
  readonly moveOrdered: Set<number>;
  readonly cancelOrdered: Set<number>;
  state: State;
  /** What this daemon has in hand: starts that have no program yet, and news that has not reached it, by worker or job. */
  readonly starting: Set<number>;
  readonly workerNews: Map<number, readonly Report[]>;
  readonly jobNews: Map<number, Report>;
  lastSeen: string;
  nowMs: number;
  wakeAtMs: number | undefined;
  submitted: number;
  cancelled: Set<number>;
  faultsLeft: number;
  /** Off on the way to a state that was looked at before. */
  checks: boolean;
}

const POLICY: Policy = {
  cpuCores: 1,
  ramBytes: 0,
  quantumFactor: 1,
  vramReserveBytes: 0,
  urgency: Math.SQRT2,
  fairShareHalfLifeMs: 600_000,
  quotas: {},
};

/** The world of a scope before its first moment. */
export function createSmallWorld(scope: Scope): SmallWorld {
  const mirror = createMirror();
  return {
    scope,
    gpus: Array.from({ length: scope.gpus }, (_, index) =>
      healthyGpu(index, { totalBytes: SCOPE_GPU_BYTES }),
    ),
    programs: new Map(),
    live: new Set(),
    runs: new Map(),
    mirror,
    memory: createMemory(),
    stopOrdered: new Set(),
    moveOrdered: new Set(),
    cancelOrdered: new Set(),
    state: restore(POLICY, mirror.rows()),
    starting: new Set(),
    workerNews: new Map(),
    jobNews: new Map(),
    lastSeen: "",
    nowMs: 1_700_000_000_000,
    wakeAtMs: undefined,
    submitted: 0,
    cancelled: new Set(),
    faultsLeft: scope.faults,
    checks: true,
  };
}

/** The first steps: the daemon looks at the GPUs, and takes in what is there from the beginning. */
export function beginSmallWorld(world: SmallWorld): void {
  restart(world);
  if (!world.scope.together) return;
  world.submitted = world.scope.jobs.length;
  take(world, [{ type: "submit", jobs: world.scope.jobs }], null);
}

/** What the driver shows. Memory that it has not taken back looks like a stranger's. */
export function readingsOf(world: SmallWorld): SeenGpu[] {
  return world.gpus.map(({ uuid, index, totalBytes, healthy, residueBytes }) => ({
    uuid,
    index,
    totalBytes,
    healthy,
    foreignBytes: residueBytes,
  }));
}

/** The daemon dies and another one begins from the database: takes over what is there, looks at the time and the GPUs. */
export function restart(world: SmallWorld): void {
  world.starting.clear();
  world.moveOrdered.clear();
  world.workerNews.clear();
  world.jobNews.clear();
  forget(world.memory);
  world.state = restore(POLICY, world.mirror.rows());
  if (world.checks) checkInvariants(world.state);
  for (const effect of pendingEffects(world.state)) {
    if (effect.type === "start-worker") takeOver(world, effect.workerId);
    else perform(world, effect);
  }
  take(world, [{ type: "tick" }, look(world)], null);
}

/** A look at the GPUs that the daemon is going to be told of. */
export function look(world: SmallWorld): Report {
  const gpus = readingsOf(world);
  world.lastSeen = JSON.stringify(gpus);
  return { type: "gpus-seen", gpus };
}

/** Where the daemon dies around a step: null = it lives. */
export type Crash = "before the commit" | "before the effects" | null;

type News = Event extends infer One ? (One extends Event ? Omit<One, "atMs"> : never) : never;

/** One turn of the daemon: a step with all its checks, the commit, the effects; or a crash in between. */
export function take(
  world: SmallWorld,
  news: readonly (News | Report)[],
  crash: Crash,
): readonly (Reply | null)[] {
  if (crash === "before the commit") {
    restart(world);
    return [];
  }
  const { state, mirror, memory, nowMs } = world;
  const events = news.map((event) => ({ ...event, atMs: nowMs }));
  const taken = step(state, events);
  const committed = { before: mirror, state, events, step: taken, host: world, memory, nowMs };
  if (world.checks) checkTransition(committed);
  else rememberEvents(committed);
  mirror.apply(taken.changes);
  if (world.checks) {
    checkInvariants(state);
    checkOverdue(state, nowMs);
    compareStates(state, restore(POLICY, mirror.rows()));
  }
  world.wakeAtMs = taken.wakeAtMs;
  if (crash !== null) restart(world);
  else for (const effect of taken.effects) perform(world, effect);
  return taken.replies;
}

type Effect = ReturnType<typeof pendingEffects>[number];

function perform(world: SmallWorld, effect: Effect): void {
  switch (effect.type) {
    case "prepare-lane":
      return assert(false, `no lane of the scopes needs anything, but ${effect.laneKey} does`);
    case "start-worker":
      world.starting.add(effect.workerId);
      return;
    case "stop-worker":
      return stopWorker(world, effect.workerId);
    case "sleep-worker":
    case "wake-worker":
      world.moveOrdered.add(effect.workerId);
      return;
    case "run-job":
      return runJob(world, effect.workerId, effect.jobId, effect.attempt);
    case "cancel-job":
      world.cancelOrdered.add(effect.jobId);
      return;
    default:
      effect satisfies never;
  }
}

const neverStarted = { exitCode: null, detail: "never started" } as const;

function takeOver(world: SmallWorld, workerId: number): void {
  const program = world.programs.get(workerId);
  const worker = world.state.workers.get(workerId);
  if (program !== undefined) {
    world.workerNews.set(workerId, newsOf(program));
  } else if (worker?.phase.state === "starting") {
    const message = "interrupted";
    const news: Report = { type: "worker-start-failed", workerId, cause: "interrupted", message };
    world.workerNews.set(workerId, [news]);
  } else {
    world.workerNews.set(workerId, [{ type: "worker-exited", workerId, exit: neverStarted, result: null }]);
  }
}

/** All that a daemon has to hear of a program that it did not start itself. */
function newsOf(program: Program): Report[] {
  const { workerId, oneShot } = program;
  const news: Report[] = [{ type: "worker-spawned", workerId, identity: null }];
  if (program.state === "ready" && !oneShot) news.push({ type: "worker-ready", workerId, endpoint: null });
  if (program.state === "dead") news.push(exitOf(program));
  return news;
}

/** The news that a program has ended. */
export function exitOf({ workerId, exit, result }: Program): Report {
  return { type: "worker-exited", workerId, exit: exit ?? neverStarted, result };
}

function stopWorker(world: SmallWorld, workerId: number): void {
  if (world.starting.delete(workerId)) {
    world.workerNews.set(workerId, [{ type: "worker-exited", workerId, exit: neverStarted, result: null }]);
  } else {
    world.stopOrdered.add(workerId);
  }
}

const lost: RunOutcome = { kind: "lost", exitCode: null, message: null, output: null, artifacts: null };

function runJob(world: SmallWorld, workerId: number, jobId: number, attempt: number): void {
  const runs = world.runs.get(jobId) ?? [];
  const known = runs.find((run) => run.attempt === attempt);
  const program = world.programs.get(workerId);
  if (known !== undefined) {
    if (known.outcome !== null)
      world.jobNews.set(jobId, { type: "job-ended", jobId, attempt, outcome: known.outcome });
  } else if (program?.state === "ready") {
    addRun(world, program, jobId, attempt);
  } else {
    world.jobNews.set(jobId, { type: "job-ended", jobId, attempt, outcome: lost });
  }
}

/** A program begins a run. */
export function addRun(world: SmallWorld, program: Program, jobId: number, attempt: number): void {
  const others = world.runs.get(jobId) ?? [];
  checkNewRun(others, jobId, attempt);
  const run: Run = { jobId, attempt, outcome: null, watchers: new Set() };
  world.runs.set(jobId, [...others, run]);
  world.cancelOrdered.delete(jobId);
  program.runs.push(run);
}
