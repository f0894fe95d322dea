import type { SeenGpu, SeenWorker } from "../scheduler/events.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { Worker } from "../scheduler/model.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import { assert, must } from "../std/assert.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import type { FaultRates, GpuOptions, SimOptions } from "./options.ts";
import {
  checkFences,
  checkMemory,
  claimsOf,
  die,
  drawMs,
  type HostParts,
  type VirtualGpu,
} from "./virtual-machine.ts";
import {
  checkNeighbours,
  checkNewRun,
  endRun,
  type Moved,
  outcomeOf,
  type Program,
  type Run,
} from "./virtual-program.ts";
import { residueOf, sleepProgram, wakeProgram } from "./virtual-sleep.ts";

/** The machine under the daemon: its GPUs and the programs on them. It outlives every daemon. */
export interface VirtualHost {
  readonly gpus: ReadonlyMap<string, VirtualGpu>;
  readonly programs: ReadonlyMap<number, Program>;
  /** Those of them that are not dead. */
  readonly live: ReadonlySet<Program>;
  /** All runs of a job there ever were, oldest first. */
  readonly runs: ReadonlyMap<number, readonly Run[]>;
  /** Lanes whose environment or image is there. */
  readonly prepared: Set<string>;
  faults: FaultRates;
  /** The driver answers nobody: what the GPUs show is unknown. */
  driverHangs: boolean;
  /** What the driver would show now. Memory it has not taken back yet looks like a stranger's. */
  see(): SeenGpu[];
  /** Memory that programs which work hold, as far as the driver shows it. */
  seeWorkers(): SeenWorker[];
  freeBytes(gpu: VirtualGpu): number;
  /** @throws AssertionFailed when the program meets another one that it may not live beside. */
  start(worker: Worker): Program;
  /** Hands a job over, or finds the run that was handed over before. Null: refused, the program is gone. */
  runJob(program: Program | undefined, jobId: number, attempt: number): Run | null;
  cancelJob(program: Program, jobId: number): void;
  /** Nobody waits for requests any more: their connections are closed, and nothing is known of them. */
  loseRequests(): void;
  /** Has a program give its memory back, or take it again; whoever asks while it does so is told as well. */
  sleep(program: Program, tell: (news: Moved) => void): void;
  wake(program: Program, worker: Worker, tell: (news: Moved) => void): void;
  /** What the driver shows of a program that sleeps; null = it does not tell. */
  residueOf(program: Program): number | null;
  /** TERM now, KILL after the grace. */
  terminate(program: Program, graceMs: number): void;
  /** Ends a program that hangs in the kernel. */
  unstick(program: Program): void;
}

/** A healthy host with the GPUs of `options` and nothing running. */
export function createHost(agenda: Agenda, rng: Rng, options: SimOptions): VirtualHost {
  const gpus = new Map<string, VirtualGpu>();
  for (const [index, gpu] of options.gpus.entries()) gpus.set(uuidOf(index), healthyGpu(index, gpu));
  const profiles = new Map(options.lanes.map((lane) => [lane.spec.key, lane]));
  const host: HostParts = {
    agenda,
    rng,
    profiles,
    gpus,
    programs: new Map(),
    live: new Set(),
    runs: new Map(),
    prepared: new Set(),
    lastFences: new Map(),
    fences: new Set(),
    seesWorkers: options.seesWorkers,
    faults: options.faults,
    driverHangs: false,
  };
  return Object.assign(host, {
    see: () => [...gpus.values()].map(readingOf),
    seeWorkers: () => seeWorkers(host),
    freeBytes: (gpu: VirtualGpu) => freeBytes(host, gpu),
    start: (worker: Worker) => startProgram(host, worker),
    runJob: (program: Program | undefined, jobId: number, attempt: number) =>
      runJob(host, program, jobId, attempt),
    cancelJob: (program: Program, jobId: number) => cancelJob(host, program, jobId),
    loseRequests() {
      for (const [id, runs] of host.runs) {
        if (!isRequestId(id)) continue;
        for (const run of runs) endRun(run, outcomeOf("cancelled"));
        host.runs.delete(id);
      }
    },
    sleep: (program: Program, tell: (news: Moved) => void) => sleepProgram(host, program, tell),
    wake: (program: Program, worker: Worker, tell: (news: Moved) => void) =>
      wakeProgram(host, program, worker, tell),
    residueOf: (program: Program) => residueOf(host, program),
    terminate: (program: Program, graceMs: number) => terminate(host, program, graceMs),
    unstick: (program: Program) => unstick(host, program),
  });
}

function uuidOf(index: number): string {
  return `GPU-${index}`;
}

/** A GPU with nothing on it. */
export function healthyGpu(index: number, options: GpuOptions): VirtualGpu {
  const { totalBytes, nvlinkPeers, numaNode, vendor, parent } = options;
  return {
    uuid: uuidOf(index),
    index,
    totalBytes,
    foreignBytes: 0,
    healthy: true,
    residueBytes: 0,
    stuckBytes: 0,
    fault: null,
    nvlinkPeers: (nvlinkPeers ?? []).map(uuidOf),
    numaNode: numaNode ?? null,
    vendor: vendor ?? null,
    parent: parent ?? null,
  };
}

function readingOf(gpu: VirtualGpu): SeenGpu {
  const { uuid, index, totalBytes, healthy, fault, nvlinkPeers, numaNode, vendor, parent } = gpu;
  const foreignBytes = gpu.foreignBytes + gpu.residueBytes;
  return { uuid, index, totalBytes, healthy, fault, foreignBytes, nvlinkPeers, numaNode, vendor, parent };
}

/** A program that has what it needs shows what it needs; one that has less takes all that it has. */
function seeWorkers(host: HostParts): SeenWorker[] {
  const seen: SeenWorker[] = [];
  for (const { workerId, laneKey, state, claims } of host.live) {
    if (state === "asleep") {
      seen.push({ workerId, vramBytes: Math.max(0, ...claims.map((claim) => claim.vramBytes)) });
      continue;
    }
    const needBytes = host.profiles.get(laneKey)?.vramNeedBytes;
    if (state !== "ready" || claims.length === 0 || needBytes === undefined) continue;
    const vramBytes = Math.max(...claims.map((claim) => Math.min(claim.vramBytes, needBytes)));
    seen.push({ workerId, vramBytes });
  }
  return seen;
}

/** Whether the program asks for more memory than it has, and is refused. */
function runsOut({ rng, faults, profiles }: HostParts, { laneKey, claims }: Program): boolean {
  const needBytes = profiles.get(laneKey)?.vramNeedBytes ?? 0;
  return claims.some(({ vramBytes }) => vramBytes < needBytes) && rng.chance(faults.outOfMemory);
}

function freeBytes(host: HostParts, gpu: VirtualGpu): number {
  let free = gpu.totalBytes - gpu.foreignBytes - gpu.residueBytes;
  for (const program of host.live) {
    for (const claim of program.claims) if (claim.gpu === gpu) free -= claim.vramBytes;
  }
  return free;
}

function startProgram(host: HostParts, worker: Worker): Program {
  assert(!host.programs.has(worker.id), `the program of worker ${worker.id} was started twice`);
  const program: Program = {
    workerId: worker.id,
    fence: worker.fence,
    laneKey: worker.lane.spec.key,
    oneShot: worker.lane.spec.residency === "one-shot",
    claims: claimsOf(host, worker),
    state: "loading",
    exit: null,
    result: null,
    runs: [],
    isStuck: false,
    watchers: new Set(),
    movers: null,
  };
  checkFences(host, program);
  for (const other of host.live) checkNeighbours(program, other);
  host.programs.set(program.workerId, program);
  host.live.add(program);
  checkMemory(host, program);
  if (program.oneShot) startOnlyJob(host, program, [...worker.jobs]);
  else load(host, program);
  return program;
}

function load(host: HostParts, program: Program): void {
  const { agenda, rng, faults } = host;
  const profile = must(host.profiles.get(program.laneKey), `lane ${program.laneKey} has no profile`);
  const fails = rng.chance(faults.exitsBeforeReady);
  agenda.later(drawMs(rng, profile.loadMs), () => {
    if (program.state === "dead") return;
    if (fails) return die(host, program, 1);
    if (host.rng.chance(0.3) && runsOut(host, program)) return die(host, program, 1, "out-of-memory");
    program.state = "ready";
    for (const tell of [...program.watchers]) tell("ready");
  });
}

function startOnlyJob(host: HostParts, program: Program, jobs: readonly Job[]): void {
  const job = must(jobs[0], `one-shot worker ${program.workerId} was started without a job`);
  program.state = "ready";
  const run = addRun(host, program, job.id, job.attempts);
  const profile = must(host.profiles.get(program.laneKey), `lane ${program.laneKey} has no profile`);
  const code = host.rng.chance(host.faults.jobFails) ? 3 : 0;
  host.agenda.later(drawMs(host.rng, profile.jobMs), () => {
    if (run.outcome !== null) return;
    if (runsOut(host, program)) die(host, program, 1, "out-of-memory");
    else die(host, program, code);
  });
}

function runJob(host: HostParts, program: Program | undefined, jobId: number, attempt: number): Run | null {
  if (program === undefined) return null;
  const known = program.runs.find((run) => run.jobId === jobId && run.attempt === attempt);
  if (known) return known;
  assert(program.state !== "asleep", `job ${jobId} is handed to worker ${program.workerId}, which sleeps`);
  if (program.state !== "ready") return null;
  const run = addRun(host, program, jobId, attempt);
  const { rng, faults, agenda } = host;
  const profile = must(host.profiles.get(program.laneKey), `lane ${program.laneKey} has no profile`);
  const kills = rng.chance(faults.jobKillsWorker);
  const kind = rng.chance(faults.jobLost) ? "lost" : rng.chance(faults.jobFails) ? "failed" : "succeeded";
  agenda.later(drawMs(rng, profile.jobMs), () => {
    if (run.outcome !== null) return;
    if (kills) die(host, program, 139);
    else if (runsOut(host, program)) starve(host, program, run);
    else endRun(run, outcomeOf(kind));
  });
  return run;
}

/** The job runs out of memory; now and then its worker does not survive that. */
function starve(host: HostParts, program: Program, run: Run): void {
  if (host.rng.chance(0.3)) die(host, program, 1, "out-of-memory");
  else endRun(run, { ...outcomeOf("failed"), cause: "out-of-memory" });
}

function addRun(host: HostParts, program: Program, jobId: number, attempt: number): Run {
  const others = host.runs.get(jobId) ?? [];
  checkNewRun(others, jobId, attempt);
  const run: Run = { jobId, attempt, outcome: null, watchers: new Set() };
  host.runs.set(jobId, [...others, run]);
  program.runs.push(run);
  return run;
}

function cancelJob(host: HostParts, program: Program, jobId: number): void {
  const run = program.runs.find((candidate) => candidate.jobId === jobId && candidate.outcome === null);
  if (run === undefined || host.rng.chance(host.faults.cancelIgnored)) return;
  host.agenda.later(drawMs(host.rng, 300), () => endRun(run, outcomeOf("cancelled")));
}

function terminate(host: HostParts, program: Program, graceMs: number): void {
  const { rng } = host;
  const heeds = !rng.chance(host.faults.termIgnored);
  if (!program.isStuck && host.faults.staysKilled > 0 && rng.chance(host.faults.staysKilled)) {
    program.isStuck = true;
    // Nothing comes of them any more, and nobody is told so.
    for (const run of program.runs) run.outcome ??= outcomeOf("lost");
  }
  host.agenda.later(heeds ? drawMs(rng, graceMs * 0.9) : graceMs, () => {
    if (!program.isStuck) die(host, program, heeds ? 143 : 137);
    else if (program.state !== "dead") for (const tell of [...program.watchers]) tell("stuck");
  });
}

/** What hung in the kernel is let go of; the signal that waits for it ends it at once. */
function unstick(host: HostParts, program: Program): void {
  program.isStuck = false;
  die(host, program, 137);
}
