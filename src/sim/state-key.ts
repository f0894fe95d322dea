import type { Job } from "../scheduler/job-model.ts";
import { quantumMs } from "../scheduler/lane-view.ts";
import type { Lane, Worker } from "../scheduler/model.ts";
import type { SmallWorld } from "./small-world.ts";

/** Times that have passed count by these steps alone: a state is the same whether somebody waits for 70 or 700 s. */
const ELAPSED_STEPS_MS = [2_000, 10_000];

/**
 * Two worlds with equal keys can go on in the same ways. Workers and fences are named by their order, since a restart
 * gives out new numbers without end; time is told as distance from now: what lies ahead in half seconds, what is past by
 * `ELAPSED_STEPS_MS`; measured costs count as the quantum that they make. History that is over is left out. So the keys
 * of a scope are finitely many. A key that says too little costs coverage but raises no false alarm: what breaks a rule was
 * reached by a real path, and what seems stuck is let run on for real.
 */
export function keyOf(world: SmallWorld): string {
  const { state } = world;
  const ranks = new Map([...state.workers.keys()].map((id, rank) => [id, rank]));
  return JSON.stringify([
    world.submitted,
    world.faultsLeft,
    [...world.cancelled],
    world.wakeAtMs === undefined ? null : world.wakeAtMs <= world.nowMs,
    state.stopping,
    [...state.jobs.values()].map((job) => jobKey(world, job, ranks)),
    [...state.workers.values()].map((worker) => workerKey(world, worker)),
    [...state.lanes.values()].map((lane) => laneKey(world, lane)),
    [...state.gpus.values()].map(({ healthy, foreignBytes }) => [healthy, foreignBytes]),
    world.gpus.map(({ residueBytes }) => residueBytes),
    [...world.live].map(({ workerId }) => ranks.get(workerId) ?? "stray"),
    [...world.jobNews].map(([id, news]) => [id, news.type]),
  ]);
}

function aheadOf({ nowMs }: SmallWorld, atMs: number | null): number | null {
  return atMs === null ? null : Math.max(0, Math.ceil((atMs - nowMs) / 500));
}

function elapsedSince({ nowMs }: SmallWorld, sinceMs: number): number {
  return ELAPSED_STEPS_MS.filter((stepMs) => nowMs - sinceMs >= stepMs).length;
}

function jobKey(world: SmallWorld, job: Job, ranks: ReadonlyMap<number, number>): unknown {
  const { phase } = job;
  const runs = world.runs.get(job.id) ?? [];
  const base = [
    job.id,
    job.attempts,
    runs.at(-1)?.attempt,
    runs.at(-1)?.outcome?.kind,
    world.cancelOrdered.has(job.id),
  ];
  switch (phase.state) {
    case "held":
      return [...base, phase.byPerson, [...phase.after], aheadOf(world, phase.untilMs)];
    case "queued":
      return base;
    case "starting":
      return [...base, ranks.get(phase.worker.id)];
    case "running": {
      const ending =
        phase.ending === null ? null : [phase.ending.how, elapsedSince(world, phase.ending.sinceMs)];
      return [...base, ranks.get(phase.worker.id), elapsedSince(world, phase.startedAtMs), ending];
    }
    default:
      return phase satisfies never;
  }
}

function workerKey(world: SmallWorld, worker: Worker): unknown {
  const { id, phase } = worker;
  return [
    worker.lane.spec.key,
    phase.state,
    phase.state === "starting" ? phase.step : null,
    phase.state === "draining" || phase.state === "stopping" ? phase.reason : null,
    phase.state === "draining" && phase.sleeps === true,
    phase.state === "ready" || phase.state === "asleep" ? elapsedSince(world, phase.idleSinceMs) : null,
    elapsedSince(world, phase.sinceMs),
    worker.pinned,
    worker.leases.map(({ gpu }) => gpu.index),
    [...worker.jobs].map((job) => job.id),
    id <= world.state.adoptedUpTo,
    world.programs.get(id)?.state,
    world.starting.has(id),
    world.stopOrdered.has(id),
    world.moveOrdered.has(id),
    world.workerNews.get(id)?.map(({ type }) => type),
  ];
}

function laneKey(world: SmallWorld, lane: Lane): unknown {
  return [
    lane.spec.key,
    lane.queue.list(lane.queue.size),
    lane.queue.size > 0 ? elapsedSince(world, lane.waitingSinceMs) : null,
    // Every third failed start ends a job, and the pauses between them grow up to the seventh.
    [lane.startFailures % 3, Math.min(lane.startFailures, 7)],
    Math.min(lane.crashes, 5),
    lane.preparation.state,
    aheadOf(world, lane.retryAtMs),
    Math.round(Math.log2(quantumMs(world.state, lane))),
    lane.learned.sleepFailures,
    aheadOf(world, lane.learned.noSleepUntilMs),
  ];
}
