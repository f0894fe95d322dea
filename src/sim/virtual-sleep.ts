import type { Worker } from "../scheduler/model.ts";
import { assert, must } from "../std/assert.ts";
import type { LaneProfile } from "./lane-profiles.ts";
import {
  checkFences,
  checkMemory,
  claimsOf,
  die,
  drawMs,
  giveBack,
  type HostParts,
} from "./virtual-machine.ts";
import { checkNeighbours, type Moved, type Program } from "./virtual-program.ts";

type Tell = (news: Moved) => void;

/** The program gives its memory back but for what stays; one that sleeps already says so at once. */
export function sleepProgram(host: HostParts, program: Program, tell: Tell): void {
  if (program.state === "asleep" && program.movers === null) return tell("done");
  const { canSleep, sleepMs } = profileOf(host, program);
  if (!canSleep) return tell("unable");
  for (const run of program.runs)
    assert(run.outcome !== null, `worker ${program.workerId} is to sleep and runs job ${run.jobId}`);
  move(host, program, sleepMs, tell, () => {
    if (host.rng.chance(host.faults.sleepFails)) return "failed";
    program.state = "asleep";
    shrink(host, program);
    watchOver(host, program);
    return "done";
  });
}

/** The program takes all its worker is leased again. It holds it from the beginning. */
export function wakeProgram(host: HostParts, program: Program, worker: Worker, tell: Tell): void {
  if (program.state === "ready") return tell("done");
  if (program.state === "asleep") {
    program.state = "waking";
    program.claims = claimsOf(host, worker);
    checkFences(host, { ...program, fence: worker.fence });
    for (const other of host.live) if (other !== program) checkNeighbours(program, other);
    checkMemory(host, program);
  }
  move(host, program, profileOf(host, program).wakeMs, tell, () => {
    if (host.rng.chance(host.faults.wakeFails)) return "failed";
    program.state = "ready";
    return "done";
  });
}

/** What the driver shows of a program that sleeps. Bytes on one GPU, at most; null = it does not tell. */
export function residueOf({ seesWorkers }: HostParts, { claims }: Program): number | null {
  return seesWorkers ? Math.max(0, ...claims.map(({ vramBytes }) => vramBytes)) : null;
}

function profileOf(host: HostParts, { laneKey }: Program): LaneProfile["sleep"] & object {
  return must(host.profiles.get(laneKey)?.sleep, `lane ${laneKey} cannot sleep`);
}

function move(host: HostParts, program: Program, mostMs: number, tell: Tell, act: () => Moved): void {
  if (program.movers !== null) return void program.movers.add(tell);
  const movers = new Set([tell]);
  program.movers = movers;
  host.agenda.later(drawMs(host.rng, mostMs), () => {
    program.movers = null;
    if (program.state === "dead") return;
    if (host.rng.chance(host.faults.diesMoving)) return die(host, program, 9);
    const news = act();
    for (const each of movers) each(news);
  });
}

function shrink(host: HostParts, program: Program): void {
  const { residueBytes } = profileOf(host, program);
  program.claims = program.claims.map((claim) => {
    const vramBytes = Math.min(residueBytes, claim.vramBytes);
    giveBack(host, claim.gpu, claim.vramBytes - vramBytes);
    return { gpu: claim.gpu, mode: "residue", vramBytes };
  });
}

/** Now and then a program dies in its sleep. */
function watchOver(host: HostParts, program: Program): void {
  if (!host.rng.chance(host.faults.diesAsleep)) return;
  host.agenda.later(drawMs(host.rng, 10_000), () => {
    if (program.state === "asleep") die(host, program, 9);
  });
}
