import type { Effect } from "../scheduler/effects.ts";
import type { Report, RunOutcome } from "../scheduler/events.ts";
import { must, unreachable } from "../std/assert.ts";
import {
  type Context,
  hasMemory,
  MEMORY_POLL_MS,
  MEMORY_TIMEOUT_MS,
  type PerformerParts,
  type Preparation,
} from "./perform-context.ts";
import { sleepWorker, wakeWorker } from "./perform-sleep.ts";
import { drawMs } from "./virtual-machine.ts";
import { outcomeOf, type Program } from "./virtual-program.ts";

/** Does what one life of the daemon orders. It dies with it; programs and their outcomes stay behind. */
export interface Performer {
  perform(effect: Effect): void;
  /** Performs an effect that an earlier daemon may have performed already. */
  resume(effect: Effect): void;
  /** From now on nothing is done or reported any more. */
  die(): void;
}

/** A performer of one daemon's life. Every effect is idempotent. */
export function createPerformer(parts: PerformerParts): Performer {
  const context: Context = {
    ...parts,
    preparations: new Map(),
    attached: new Set(),
    runs: new Set(),
    moves: { sleep: new Map(), wake: new Map() },
    later: (inMs, act) => parts.agenda.later(inMs, () => context.isAlive && act()),
    report: (report) => {
      if (!context.isAlive) return;
      parts.report(report);
      if (parts.rng.chance(parts.host.faults.duplicateReport))
        context.later(drawMs(parts.rng, parts.rng.pick([500, 3_000, 30_000])), () => parts.report(report));
    },
    isAlive: true,
  };
  return {
    perform: (effect) => perform(context, effect),
    resume: (effect) =>
      effect.type === "start-worker" ? takeOver(context, effect.workerId) : perform(context, effect),
    die() {
      context.isAlive = false;
    },
  };
}

function perform(context: Context, effect: Effect): void {
  switch (effect.type) {
    case "prepare-lane":
      return prepareLane(context, effect.laneKey);
    case "start-worker":
      return startWorker(context, effect.workerId);
    case "stop-worker":
      return stopWorker(context, effect.workerId, effect.graceMs);
    case "sleep-worker":
      return sleepWorker(context, effect.workerId);
    case "wake-worker":
      return wakeWorker(context, effect.workerId);
    case "run-job":
      return runJob(context, effect.workerId, effect.jobId, effect.attempt);
    case "cancel-job": {
      const program = context.host.programs.get(effect.workerId);
      if (program) context.host.cancelJob(program, effect.jobId);
      return;
    }
    default:
      return unreachable(effect);
  }
}

/** What is made stays when the daemon dies. A build fails, takes long, or hangs until its time is up. */
function prepareLane(context: Context, laneKey: string): void {
  const { host, rng } = context;
  const isThere = host.prepared.has(laneKey);
  const fails = !isThere && rng.chance(host.faults.startFails);
  const mostMs = isThere ? 100 : rng.pick([500, 500, 5_000, 20_000]);
  context.later(drawMs(rng, mostMs), () => {
    if (fails) return context.report({ type: "lane-prepare-failed", laneKey, message: "the disk is full" });
    host.prepared.add(laneKey);
    context.report({ type: "lane-prepared", laneKey });
  });
}

/** A worker whose program an earlier daemon never started is given up: the plan makes another one. */
function takeOver(context: Context, workerId: number): void {
  const worker = context.state().workers.get(workerId);
  const isStarted = context.host.programs.has(workerId);
  if (worker === undefined || isStarted || worker.phase.state !== "starting")
    return startWorker(context, workerId);
  const preparation: Preparation = { workerId, giveUpAtMs: context.agenda.nowMs, aborted: false };
  context.preparations.set(workerId, preparation);
  context.later(drawMs(context.rng, 50), () => {
    if (!preparation.aborted) reportStartFailed(context, preparation, "interrupted");
  });
}

function startWorker(context: Context, workerId: number): void {
  const worker = context.state().workers.get(workerId);
  if (worker === undefined || context.preparations.has(workerId)) return;
  const program = context.host.programs.get(workerId);
  if (program) return attach(context, program);
  if (worker.phase.state === "stopping") return reportExit(context, workerId);
  const giveUpAtMs = context.agenda.nowMs + drawMs(context.rng, MEMORY_TIMEOUT_MS);
  const preparation: Preparation = { workerId, giveUpAtMs, aborted: false };
  context.preparations.set(workerId, preparation);
  waitForMemory(context, preparation, () => prepare(context, preparation));
}

/** Goes on with `then` once the memory is free on all GPUs of the worker; reports a failed start when time is up. */
function waitForMemory(context: Context, preparation: Preparation, then: () => void): void {
  const worker = context.state().workers.get(preparation.workerId);
  if (preparation.aborted || worker === undefined) return;
  if (hasMemory(context, worker)) return then();
  if (context.agenda.nowMs >= preparation.giveUpAtMs)
    return reportStartFailed(context, preparation, "memory");
  context.later(MEMORY_POLL_MS, () => waitForMemory(context, preparation, then));
}

function prepare(context: Context, preparation: Preparation): void {
  const { workerId } = preparation;
  context.report({ type: "worker-step", workerId, step: "environment" });
  const fails = context.rng.chance(context.host.faults.startFails);
  context.later(drawMs(context.rng, 500), () => {
    if (preparation.aborted) return;
    if (fails) return reportStartFailed(context, preparation, "program");
    if (!isPreparedHere(context, workerId)) return reportStartFailed(context, preparation, "unprepared");
    context.report({ type: "worker-step", workerId, step: "spawn" });
    // Memory that was free may have been taken while the environment was prepared, so it is looked at again.
    waitForMemory(context, preparation, () => spawn(context, preparation));
  });
}

/** Somebody may have removed it, or changed what it is made of. */
function isPreparedHere({ state, host, rng }: Context, workerId: number): boolean {
  const spec = state().workers.get(workerId)?.lane.spec;
  if (spec === undefined || spec.needsPreparation === null) return true;
  if (rng.chance(host.faults.startFails / 2)) host.prepared.delete(spec.key);
  return host.prepared.has(spec.key);
}

function spawn(context: Context, preparation: Preparation): void {
  const worker = must(
    context.state().workers.get(preparation.workerId),
    "a worker whose start was not called off",
  );
  context.preparations.delete(worker.id);
  const program = context.host.start(worker);
  // A daemon may die between the start of a program and the news of it; the next one finds the program.
  context.later(drawMs(context.rng, 50), () => attach(context, program));
}

type StartFailure = Extract<Report, { type: "worker-start-failed" }>["cause"];

function reportStartFailed(context: Context, preparation: Preparation, cause: StartFailure): void {
  preparation.aborted = true;
  const { workerId } = preparation;
  context.preparations.delete(workerId);
  const stuckGpus = cause === "memory" ? stuckGpusOf(context, workerId) : [];
  context.report({ type: "worker-start-failed", workerId, cause, message: `no ${cause}`, stuckGpus });
}

/** GPUs of the worker whose memory nobody is seen to hold. */
function stuckGpusOf({ host, state }: Context, workerId: number): string[] {
  const uuids =
    state()
      .workers.get(workerId)
      ?.leases.map(({ gpu }) => gpu.uuid) ?? [];
  return uuids.filter((uuid) => (host.gpus.get(uuid)?.stuckBytes ?? 0) > 0);
}

/** Reports what is known of a program and whatever becomes of it. */
function attach(context: Context, program: Program): void {
  const { workerId } = program;
  if (context.attached.has(workerId)) return;
  context.attached.add(workerId);
  context.report({ type: "worker-spawned", workerId, identity: { pid: workerId } });
  if (program.state === "dead") return reportExit(context, workerId, program);
  const ready = (): void => {
    if (!program.oneShot) context.report({ type: "worker-ready", workerId, endpoint: `socket-${workerId}` });
  };
  if (program.state === "ready") ready();
  program.watchers.add((news) => {
    if (news === "ready") ready();
    else if (news === "stuck") context.report({ type: "worker-stuck", workerId, message: "it hangs" });
    else reportExit(context, workerId, program);
  });
}

function reportExit(context: Context, workerId: number, program?: Program): void {
  const exit = program?.exit ?? { exitCode: null, detail: "never started" };
  context.later(drawMs(context.rng, 40), () => {
    context.report({ type: "worker-exited", workerId, exit, result: program?.result ?? null });
  });
}

function stopWorker(context: Context, workerId: number, graceMs: number): void {
  const program = context.host.programs.get(workerId);
  if (program) {
    context.host.terminate(program, graceMs);
    return attach(context, program);
  }
  const preparation = context.preparations.get(workerId);
  if (preparation === undefined) return reportExit(context, workerId);
  preparation.aborted = true;
  context.preparations.delete(workerId);
  // The start gives up by itself at the same moment now and then, and says so in its own words.
  if (context.rng.chance(0.3)) reportStartFailed(context, preparation, "memory");
  else reportExit(context, workerId);
}

function runJob(context: Context, workerId: number, jobId: number, attempt: number): void {
  const key = `${jobId}/${attempt}`;
  if (context.runs.has(key)) return;
  context.runs.add(key);
  const end = (outcome: RunOutcome): void =>
    context.later(drawMs(context.rng, 40), () =>
      context.report({ type: "job-ended", jobId, attempt, outcome }),
    );
  const run = context.host.runJob(context.host.programs.get(workerId), jobId, attempt);
  if (run === null) end(outcomeOf("lost"));
  else if (run.outcome !== null) end(run.outcome);
  else run.watchers.add(end);
}
