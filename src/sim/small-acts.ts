import { neededBytes } from "../scheduler/capacity.ts";
import type { Report, RunOutcome } from "../scheduler/events.ts";
import type { Worker } from "../scheduler/model.ts";
import { must } from "../std/assert.ts";
import { claimsOf, move, toldBy } from "./small-moves.ts";
import {
  addRun,
  type Crash,
  exitOf,
  look,
  readingsOf,
  restart,
  type SmallWorld,
  take,
} from "./small-world.ts";
import { checkNeighbours, endProgram, endRun, outcomeOf, type Program } from "./virtual-program.ts";

/** One thing that can happen next. `id` is the worker, job or GPU that it happens to. */
export interface Act {
  readonly what: What;
  readonly id: number;
  readonly crash: Crash;
  /** Uses up one of the faults that the scope has. The others alone must always lead to the end. */
  readonly isFault: boolean;
}

type What =
  | "submit"
  | "cancel"
  | ProgramAct
  | "worker news"
  | "job succeeds"
  | "job fails"
  | "job is lost"
  | "job is cancelled"
  | "job news"
  | "memory comes back"
  | "look"
  | "wake up"
  | "pause"
  | "crash";

/** Longer than any quantum of a scope: whoever waits for somebody's time to be over has waited long enough. */
export const PAUSE_MS = 60_000;

/** An act in words, as it is shown in a path. */
export function describeAct({ what, id, crash }: Act): string {
  return `${what} ${id}${crash === null ? "" : ` (crash ${crash})`}`;
}

/** Everything that can happen next in `world`. Each can also be followed by a crash, while there are faults left. */
export function actsOf(world: SmallWorld): Act[] {
  const good: Act[] = [];
  const bad: Act[] = [];
  const may = (what: What, id: number): void => void good.push({ what, id, crash: null, isFault: false });
  const fault = (what: What, id: number): void => void bad.push({ what, id, crash: null, isFault: true });
  if (world.submitted < world.scope.jobs.length) may("submit", world.submitted);
  for (const id of world.starting) addStart(world, id, may, fault);
  for (const program of world.live) addProgram(world, program, may, fault);
  for (const id of world.workerNews.keys()) may("worker news", id);
  for (const id of world.jobNews.keys()) may("job news", id);
  for (const gpu of world.gpus) if (gpu.residueBytes > 0) may("memory comes back", gpu.index);
  if (JSON.stringify(readingsOf(world)) !== world.lastSeen) may("look", 0);
  if (world.wakeAtMs !== undefined) may("wake up", 0);
  if (world.scope.pauses && (world.wakeAtMs ?? Number.POSITIVE_INFINITY) > world.nowMs + PAUSE_MS)
    may("pause", 0);
  if (world.faultsLeft === 0) return good;
  for (const id of world.scope.cancellable)
    if (!world.cancelled.has(id) && world.state.jobs.has(id)) fault("cancel", id);
  fault("crash", 0);
  return [...good, ...bad, ...good.flatMap(withCrashes)];
}

/** A pause has no step that a crash could interrupt, and a request that is lost before the commit never was. */
function withCrashes(act: Act): Act[] {
  if (act.what === "pause") return [];
  const after: Act = { ...act, crash: "before the effects", isFault: true };
  const isLost = act.what === "submit" || act.what === "wake up" || act.what === "look";
  return isLost ? [after] : [after, { ...act, crash: "before the commit", isFault: true }];
}

type Add = (what: What, id: number) => void;

function addStart(world: SmallWorld, id: number, may: Add, fault: Add): void {
  const worker = world.state.workers.get(id);
  if (worker === undefined) return;
  if (hasMemory(world, worker)) may("spawn", id);
  else may("memory stays away", id);
  fault("start fails", id);
}

/** What a program can do next. A job that was told to end may still come to its own end first. */
function addProgram(world: SmallWorld, program: Program, may: Add, fault: Add): void {
  const id = program.workerId;
  if (program.oneShot || world.stopOrdered.has(id)) {
    may("exits", id);
    fault("exits, memory late", id);
  }
  if (program.oneShot || !world.stopOrdered.has(id)) fault("exits badly", id);
  if (program.state === "loading" && !world.stopOrdered.has(id)) may("becomes ready", id);
  if (world.moveOrdered.has(id) && !world.stopOrdered.has(id)) addMove(world, program, may, fault);
  if (program.oneShot) return;
  for (const run of program.runs) {
    if (run.outcome !== null) continue;
    if (world.cancelOrdered.has(run.jobId)) may("job is cancelled", run.jobId);
    may("job succeeds", run.jobId);
    fault("job fails", run.jobId);
    fault("job is lost", run.jobId);
  }
}

function addMove(world: SmallWorld, { workerId: id }: Program, may: Add, fault: Add): void {
  const worker = world.state.workers.get(id);
  if (worker?.phase.state === "falling-asleep") may("falls asleep", id);
  else if (worker?.phase.state !== "waking") return;
  else if (hasMemory(world, worker)) may("wakes", id);
  fault("neither sleeps nor wakes", id);
}

function hasMemory(world: SmallWorld, worker: Worker): boolean {
  return worker.leases.every((lease) => {
    const gpu = must(world.gpus[lease.gpu.index], "a GPU of the scope");
    let freeBytes = gpu.totalBytes - gpu.residueBytes;
    for (const { claims, workerId } of world.live)
      for (const claim of claims)
        if (claim.gpu === gpu && workerId !== worker.id) freeBytes -= claim.vramBytes;
    const isWhole = worker.lane.spec.vramBytes === null;
    const needed = isWhole ? neededBytes(world.state.policy, worker.lane, lease.gpu) : lease.vramBytes;
    return freeBytes >= needed;
  });
}

/** Makes it happen, with the daemon's step that follows from it. @throws AssertionFailed for whatever the checks find. */
export function doAct(world: SmallWorld, { what, id, crash, isFault }: Act): void {
  if (isFault) world.faultsLeft -= 1;
  switch (what) {
    case "submit":
      world.submitted += 1;
      take(world, [{ type: "submit", jobs: [currentJob(world, id)] }], crash);
      return;
    case "cancel":
      world.cancelled.add(id);
      take(world, [{ type: "cancel", jobId: id }], crash);
      return;
    case "pause":
      world.nowMs += PAUSE_MS;
      return;
    case "crash":
      return restart(world);
    default:
      take(world, happen(world, what, id), crash);
  }
}

/** A dependency that has ended meanwhile is told as it stands, as the daemon does. */
function currentJob(world: SmallWorld, index: number) {
  const job = must(world.scope.jobs[index], "a job of the scope");
  const after = job.after.map((dependency) => ({
    ...dependency,
    outcome: world.mirror.jobs.get(dependency.jobId)?.end?.state ?? ("live" as const),
  }));
  return { ...job, after };
}

function happen(
  world: SmallWorld,
  what: Exclude<What, "submit" | "cancel" | "pause" | "crash">,
  id: number,
): readonly Report[] {
  switch (what) {
    case "wake up":
      world.nowMs = Math.max(world.nowMs, world.wakeAtMs ?? 0);
      return [{ type: "tick" }];
    case "look":
      return [look(world)];
    case "memory comes back":
      must(world.gpus[id], "a GPU").residueBytes = 0;
      return [look(world)];
    case "worker news":
    case "job news":
      return takeNews(world, what, id);
    case "job succeeds":
      return endJob(world, id, "succeeded");
    case "job fails":
      return endJob(world, id, "failed");
    case "job is lost":
      return endJob(world, id, "lost");
    case "job is cancelled":
      return endJob(world, id, "cancelled");
    default:
      return changeProgram(world, what, id);
  }
}

function takeNews(world: SmallWorld, what: "worker news" | "job news", id: number): readonly Report[] {
  const reports = what === "job news" ? [must(world.jobNews.get(id), "news")] : world.workerNews.get(id);
  if (what === "job news") world.jobNews.delete(id);
  else world.workerNews.delete(id);
  return reports ?? [];
}

function endJob(world: SmallWorld, jobId: number, kind: RunOutcome["kind"]): readonly Report[] {
  const run = must(
    world.runs.get(jobId)?.find(({ outcome }) => outcome === null),
    `job ${jobId} runs`,
  );
  endRun(run, outcomeOf(kind));
  return [{ type: "job-ended", jobId, attempt: run.attempt, outcome: outcomeOf(kind) }];
}

type ProgramAct =
  | "spawn"
  | "start fails"
  | "memory stays away"
  | "becomes ready"
  | "falls asleep"
  | "wakes"
  | "neither sleeps nor wakes"
  | "exits"
  | "exits, memory late"
  | "exits badly";

function changeProgram(world: SmallWorld, what: ProgramAct, workerId: number): readonly Report[] {
  switch (what) {
    case "spawn":
      return spawn(world, workerId);
    case "start fails":
    case "memory stays away": {
      world.starting.delete(workerId);
      const cause = what === "start fails" ? "program" : "memory";
      return [{ type: "worker-start-failed", workerId, cause, message: what }];
    }
    case "becomes ready":
      must(world.programs.get(workerId), "a program").state = "ready";
      return toldBy(world, workerId, { type: "worker-ready", workerId, endpoint: null });
    case "falls asleep":
    case "wakes":
    case "neither sleeps nor wakes":
      return move(world, what, workerId);
    case "exits":
      return exit(world, workerId, world.stopOrdered.has(workerId) ? 143 : 0);
    case "exits badly":
      return exit(world, workerId, 3);
    case "exits, memory late": {
      const { claims } = must(world.programs.get(workerId), "a program");
      for (const { gpu, vramBytes } of claims) gpu.residueBytes += vramBytes;
      return exit(world, workerId, world.stopOrdered.has(workerId) ? 143 : 0);
    }
    default:
      return what satisfies never;
  }
}

function spawn(world: SmallWorld, workerId: number): readonly Report[] {
  const worker = must(world.state.workers.get(workerId), `worker ${workerId} is to start`);
  world.starting.delete(workerId);
  const oneShot = worker.lane.spec.residency === "one-shot";
  const program: Program = {
    workerId,
    fence: worker.fence,
    laneKey: worker.lane.spec.key,
    oneShot,
    claims: claimsOf(world, worker),
    state: oneShot ? "ready" : "loading",
    exit: null,
    result: null,
    runs: [],
    isStuck: false,
    watchers: new Set(),
    movers: null,
  };
  for (const other of world.live) checkNeighbours(program, other);
  world.programs.set(workerId, program);
  world.live.add(program);
  for (const job of oneShot ? worker.jobs : []) addRun(world, program, job.id, job.attempts);
  return [{ type: "worker-spawned", workerId, identity: null }];
}

function exit(world: SmallWorld, workerId: number, exitCode: number): readonly Report[] {
  const program = must(world.programs.get(workerId), `worker ${workerId} has a program`);
  world.live.delete(program);
  world.moveOrdered.delete(workerId);
  endProgram(program, { exitCode, detail: null });
  return toldBy(world, workerId, exitOf(program));
}
