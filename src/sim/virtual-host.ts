import type { SeenGpu } from "../scheduler/events.ts";
import type { Job, Worker } from "../scheduler/model.ts";
import { assert, must } from "../std/assert.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import type { LaneProfile } from "./lane-profiles.ts";
import type { FaultRates, SimOptions } from "./options.ts";
import { endProgram, endRun, outcomeOf, type Program, type Run } from "./virtual-program.ts";

export interface VirtualGpu {
  readonly uuid: string;
  readonly index: number;
  readonly totalBytes: number;
  foreignBytes: number;
  healthy: boolean;
  /** Memory that the driver has not taken back from programs that are gone. */
  residueBytes: number;
}

/** The machine under the daemon: its GPUs and the programs on them. It outlives every daemon. */
export interface VirtualHost {
  readonly gpus: ReadonlyMap<string, VirtualGpu>;
  readonly programs: ReadonlyMap<number, Program>;
  /** All runs of a job there ever were, oldest first. */
  readonly runs: ReadonlyMap<number, readonly Run[]>;
  faults: FaultRates;
  /** What the driver shows now. Memory it has not taken back yet looks like a stranger's. */
  see(): SeenGpu[];
  freeBytes(gpu: VirtualGpu): number;
  /** @throws AssertionFailed when the program meets another one that it may not live beside. */
  start(worker: Worker): Program;
  /** Hands a job over, or finds the run that was handed over before. Null: refused, the program is gone. */
  runJob(program: Program | undefined, jobId: number, attempt: number): Run | null;
  cancelJob(program: Program, jobId: number): void;
  /** TERM now, KILL after the grace. */
  terminate(program: Program, graceMs: number): void;
}

interface HostParts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly profiles: ReadonlyMap<string, LaneProfile>;
  readonly gpus: ReadonlyMap<string, VirtualGpu>;
  readonly programs: Map<number, Program>;
  readonly live: Set<Program>;
  readonly runs: Map<number, Run[]>;
  faults: FaultRates;
}

/** A healthy host with the GPUs of `options` and nothing running. */
export function createHost(agenda: Agenda, rng: Rng, options: SimOptions): VirtualHost {
  const gpus = new Map<string, VirtualGpu>();
  for (const [index, { totalBytes }] of options.gpus.entries()) {
    const uuid = `GPU-${index}`;
    gpus.set(uuid, { uuid, index, totalBytes, foreignBytes: 0, healthy: true, residueBytes: 0 });
  }
  const profiles = new Map(options.lanes.map((lane) => [lane.spec.key, lane]));
  const host: HostParts = {
    agenda,
    rng,
    profiles,
    gpus,
    programs: new Map(),
    live: new Set(),
    runs: new Map(),
    faults: options.faults,
  };
  return Object.assign(host, {
    see: () => [...gpus.values()].map(readingOf),
    freeBytes: (gpu: VirtualGpu) => freeBytes(host, gpu),
    start: (worker: Worker) => startProgram(host, worker),
    runJob: (program: Program | undefined, jobId: number, attempt: number) =>
      runJob(host, program, jobId, attempt),
    cancelJob: (program: Program, jobId: number) => cancelJob(host, program, jobId),
    terminate: (program: Program, graceMs: number) => terminate(host, program, graceMs),
  });
}

/** A time between a tenth of `mostMs` and all of it. */
export function drawMs(rng: Rng, mostMs: number): number {
  return Math.ceil(mostMs * (0.1 + 0.9 * rng.next()));
}

function readingOf(gpu: VirtualGpu): SeenGpu {
  const { uuid, index, totalBytes, healthy } = gpu;
  return { uuid, index, totalBytes, healthy, foreignBytes: gpu.foreignBytes + gpu.residueBytes };
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
    claims: worker.leases.map(({ gpu, mode, vramBytes }) => ({
      gpu: must(host.gpus.get(gpu.uuid), `there is no ${gpu.uuid}`),
      mode,
      vramBytes,
    })),
    state: "loading",
    exit: null,
    result: null,
    runs: [],
    watchers: new Set(),
  };
  for (const other of host.programs.values()) checkNeighbours(program, other);
  host.programs.set(program.workerId, program);
  host.live.add(program);
  if (program.oneShot) startOnlyJob(host, program, [...worker.jobs]);
  else load(host, program);
  return program;
}

/** An exclusive lease means one program on the GPU in the world, not just in the books; fences only grow. */
function checkNeighbours(program: Program, other: Program): void {
  assert(other.fence !== program.fence, `fence ${program.fence} was used by two programs`);
  for (const { gpu, mode } of program.claims) {
    const claim = other.claims.find((candidate) => candidate.gpu === gpu);
    if (claim === undefined) continue;
    const isExclusive = mode === "exclusive" || claim.mode === "exclusive";
    if (!isExclusive) continue;
    const pair = `workers ${other.workerId} and ${program.workerId}`;
    assert(other.state === "dead", `${pair} run on GPU ${gpu.index} at once though one has it exclusively`);
    assert(other.fence < program.fence, `${pair} on GPU ${gpu.index}: the fence did not grow`);
  }
}

function load(host: HostParts, program: Program): void {
  const { agenda, rng, faults } = host;
  const profile = must(host.profiles.get(program.laneKey), `lane ${program.laneKey} has no profile`);
  const fails = rng.chance(faults.exitsBeforeReady);
  agenda.later(drawMs(rng, profile.loadMs), () => {
    if (program.state === "dead") return;
    if (fails) return die(host, program, 1);
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
    if (run.outcome === null) die(host, program, code);
  });
}

function runJob(host: HostParts, program: Program | undefined, jobId: number, attempt: number): Run | null {
  if (program === undefined) return null;
  const known = program.runs.find((run) => run.jobId === jobId && run.attempt === attempt);
  if (known) return known;
  if (program.state !== "ready") return null;
  const run = addRun(host, program, jobId, attempt);
  const { rng, faults, agenda } = host;
  const profile = must(host.profiles.get(program.laneKey), `lane ${program.laneKey} has no profile`);
  const kills = rng.chance(faults.jobKillsWorker);
  const kind = rng.chance(faults.jobLost) ? "lost" : rng.chance(faults.jobFails) ? "failed" : "succeeded";
  agenda.later(drawMs(rng, profile.jobMs), () => {
    if (run.outcome !== null) return;
    if (kills) die(host, program, 139);
    else endRun(run, outcomeOf(kind));
  });
  return run;
}

/** Records a run; no job may run twice at once, and no attempt twice at all. */
function addRun(host: HostParts, program: Program, jobId: number, attempt: number): Run {
  const others = host.runs.get(jobId) ?? [];
  for (const run of others) {
    assert(run.outcome !== null, `job ${jobId} runs twice at once`);
    assert(run.attempt < attempt, `attempt ${attempt} of job ${jobId} was run after attempt ${run.attempt}`);
  }
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
  host.agenda.later(heeds ? drawMs(rng, graceMs * 0.9) : graceMs, () =>
    die(host, program, heeds ? 143 : 137),
  );
}

/** The program is gone; the driver takes its memory back a little later. */
function die(host: HostParts, program: Program, exitCode: number): void {
  if (program.state === "dead") return;
  host.live.delete(program);
  for (const { gpu, vramBytes } of program.claims) {
    gpu.residueBytes += vramBytes;
    host.agenda.later(host.rng.chance(0.5) ? 0 : drawMs(host.rng, 1_500), () => {
      gpu.residueBytes -= vramBytes;
    });
  }
  endProgram(program, { exitCode, detail: null });
}
