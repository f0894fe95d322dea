import type { GpuVendor, LaneSpec, Policy } from "../scheduler/model.ts";
import { createRng, type Rng } from "../std/rng.ts";
import { isOfKind, mostOfOneVendor } from "./check-kinds.ts";
import { chooseHabits, chooseQuotas, type Habits, quiet } from "./habits.ts";
import { chooseLanes, type LaneProfile, rivals, sleeping } from "./lane-profiles.ts";

/** How often things go wrong: probabilities per occasion, and mean times between (ms; null = never). */
export interface FaultRates {
  readonly startFails: number;
  readonly exitsBeforeReady: number;
  readonly jobFails: number;
  readonly jobLost: number;
  readonly jobKillsWorker: number;
  readonly cancelIgnored: number;
  readonly termIgnored: number;
  readonly duplicateReport: number;
  readonly daemonCrash: number;
  /**
   * Probability that a commit takes long, and mean time between two spells in which none succeeds. A daemon that never
   * dies (`daemonCrash` 0) has no failed commits either: its state is never thrown away, so its steps can be replayed.
   */
  readonly commitSlow: number;
  readonly diskFullEveryMs: number | null;
  readonly gpuLostEveryMs: number | null;
  readonly foreignEveryMs: number | null;
  /** The driver answers nobody for up to a minute, and then everybody at once. */
  readonly driverHangsEveryMs: number | null;
  /** The host's clock is set forwards or backwards. A running daemon does not notice; the next one does. */
  readonly clockSetEveryMs: number | null;
  /** Probabilities that a program neither falls asleep nor works on, that it does not wake up, and that it dies meanwhile. */
  readonly sleepFails: number;
  readonly wakeFails: number;
  readonly diesMoving: number;
  readonly diesAsleep: number;
  /**
   * What only a person mends: mean time until the driver says that a GPU needs one, probabilities that a killed program hangs
   * in the kernel and that its memory never comes back, and mean time until somebody looks.
   */
  readonly gpuSickEveryMs: number | null;
  readonly staysKilled: number;
  readonly memoryStays: number;
  readonly mendEveryMs: number | null;
  /** Probability that a program which needs more memory than it was leased runs out of it, each time it asks for some. */
  readonly outOfMemory: number;
}

export interface GpuOptions {
  readonly totalBytes: number;
  /** Indexes of GPUs with a fast link to it, and the NUMA node it hangs on. */
  readonly nvlinkPeers?: readonly number[];
  readonly numaNode?: number | null;
  readonly vendor?: GpuVendor | null;
  /** The board that it is an instance of. */
  readonly parent?: string | null;
}

/** A run's whole set-up; with the seed it decides every event. */
export interface SimOptions {
  readonly gpus: readonly GpuOptions[];
  readonly lanes: readonly LaneProfile[];
  readonly policy: Policy;
  readonly habits: Habits;
  readonly faults: FaultRates;
  /** How long users and faults act before everything is healed. */
  readonly chaosMs: number;
  /** Mean time between two things that users ask for; null = nobody asks for anything. */
  readonly requestEveryMs: number | null;
  /** Mean time between two changes that users make to a job that waits or runs; null = none. */
  readonly editEveryMs: number | null;
  /** Mean time between two things that users ask for about schedules; null = there are none. */
  readonly scheduleEveryMs: number | null;
  /** So many jobs of every lane wait from the beginning. */
  readonly backlogPerLane: number;
  /** Whether the daemon sees how much memory each worker holds. */
  readonly seesWorkers: boolean;
  /** Probability that after a step the whole state is checked, not only what the step changed. */
  readonly invariantRate: number;
  /** Probability that after a step the database is restored and compared with the live state. */
  readonly compareRate: number;
}

export const noFaults: FaultRates = {
  startFails: 0,
  exitsBeforeReady: 0,
  jobFails: 0,
  jobLost: 0,
  jobKillsWorker: 0,
  cancelIgnored: 0,
  termIgnored: 0,
  duplicateReport: 0,
  daemonCrash: 0,
  commitSlow: 0,
  diskFullEveryMs: null,
  gpuLostEveryMs: null,
  foreignEveryMs: null,
  driverHangsEveryMs: null,
  clockSetEveryMs: null,
  sleepFails: 0,
  wakeFails: 0,
  diesMoving: 0,
  diesAsleep: 0,
  gpuSickEveryMs: null,
  staysKilled: 0,
  memoryStays: 0,
  mendEveryMs: null,
  outOfMemory: 0,
};

export const GIB = 2 ** 30;

/** The set-up that `seed` stands for, with `overrides` in place of what was drawn. */
export function chooseOptions(seed: number, overrides: Partial<SimOptions> = {}): SimOptions {
  const rng = createRng(seed ^ 0x5eed);
  const drawn = rng.chance(CONTESTS) ? chooseContest(rng) : chooseWorld(rng);
  const kinds = withKinds(createRng(seed ^ 0x61d5), drawn);
  const sleepy = withSleep(createRng(seed ^ 0x51eeb), kinds);
  const sick = withSickness(createRng(seed ^ 0x51c4), sleepy);
  const requested = withRequests(createRng(seed ^ 0x4e9), sick);
  return { ...withSchedules(createRng(seed ^ 0x5c4ed), requested), ...overrides };
}

/** In some worlds jobs come by cron lines as well. Drawn apart, so that all others stay as they are. */
function withSchedules(rng: Rng, options: SimOptions): SimOptions {
  if (options.habits === quiet || !rng.chance(0.15)) return options;
  return { ...options, scheduleEveryMs: rng.pick([3_000, 10_000]) };
}

/** In some worlds there are GPUs of two vendors and instances, and lanes that want one. Drawn apart as well. */
function withKinds(rng: Rng, drawn: SimOptions): SimOptions {
  if (drawn.gpus.length < 2 || !rng.chance(0.25)) return drawn;
  const gpus = drawn.gpus.map((gpu): GpuOptions => {
    const vendor = rng.pick(["nvidia", "nvidia", "amd"] as const);
    return { ...gpu, vendor, parent: vendor === "nvidia" && rng.chance(0.3) ? "board" : null };
  });
  const lanes = drawn.lanes.map((lane) => {
    const gpuVendor = lane.spec.gpuCount > 0 ? rng.pick([null, null, "nvidia", "amd"] as const) : null;
    return { ...lane, spec: asPossible({ ...lane.spec, gpuVendor }, gpus) };
  });
  return { ...drawn, gpus, lanes };
}

/**
 * What can never run is refused. A lane of which one GPU would do, but not as many as it wants, is not: once declared with one
 * it is taken in, and once declared as before its jobs wait for ever, as they should. So there is none.
 */
function asPossible(spec: LaneSpec, gpus: readonly GpuOptions[]): LaneSpec {
  const canRun = (wish: LaneSpec): boolean => {
    const suitable = gpus
      .map(({ vendor = null, parent = null }) => ({ vendor, parent }))
      .filter((gpu) => isOfKind(wish, gpu));
    return mostOfOneVendor(suitable) >= wish.gpuCount;
  };
  const single = { ...spec, gpuCount: 1 };
  return !canRun(spec) && canRun(single) ? single : spec;
}

/** In some worlds some lanes can sleep. Drawn apart, so that all others stay as they are. */
function withSleep(rng: Rng, drawn: SimOptions): SimOptions {
  if (rng.chance(0.5)) return drawn;
  const lanes = drawn.lanes.map((lane) => (rng.chance(0.7) ? sleeping(rng, lane) : lane));
  const isQuiet = drawn.faults === noFaults || rng.chance(0.3);
  const faults = {
    ...drawn.faults,
    sleepFails: isQuiet ? 0 : rng.pick([0, 0.05, 0.3]),
    wakeFails: isQuiet ? 0 : rng.pick([0, 0.05, 0.3]),
    diesMoving: isQuiet ? 0 : rng.pick([0, 0.05]),
    diesAsleep: isQuiet ? 0 : rng.pick([0, 0.1]),
  };
  const sleepy = { ...drawn, lanes, faults };
  return drawn.habits !== quiet && rng.chance(0.25) ? withLittleRam(rng, sleepy) : sleepy;
}

/** Who sleeps and who wants to start contend for the memory of the host. */
function withLittleRam(rng: Rng, drawn: SimOptions): SimOptions {
  const lanes = drawn.lanes.map((lane) => {
    const { residency, keepAliveMs } = lane.spec;
    // Whoever stays for ever would keep the memory for ever.
    const leaves = residency === "one-shot" || keepAliveMs !== null;
    return leaves ? { ...lane, spec: { ...lane.spec, ramBytes: rng.pick([1, 2]) * GIB } } : lane;
  });
  return { ...drawn, lanes, policy: { ...drawn.policy, ramBytes: 4 * GIB } };
}

/** In some worlds GPUs fall ill in ways that only a person mends. Drawn apart, so that all others stay as they are. */
function withSickness(rng: Rng, drawn: SimOptions): SimOptions {
  if (drawn.faults === noFaults || !rng.chance(0.25)) return drawn;
  const faults = {
    ...drawn.faults,
    gpuSickEveryMs: rng.pick([null, 20_000, 60_000]),
    staysKilled: rng.pick([0, 0.05, 0.3]),
    memoryStays: rng.pick([0, 0.05, 0.3]),
    mendEveryMs: rng.pick([5_000, 30_000]),
  };
  return { ...drawn, faults };
}

/** Share of worlds in which nothing goes wrong and lanes of equal rank contend for one GPU: how long each waits is bounded. */
const CONTESTS = 0.05;

function chooseContest(rng: Rng): SimOptions {
  return {
    gpus: [{ totalBytes: 24 * GIB }],
    lanes: rivals(rng),
    policy: choosePolicy(rng),
    habits: quiet,
    faults: noFaults,
    chaosMs: 1_000,
    requestEveryMs: null,
    editEveryMs: null,
    scheduleEveryMs: null,
    backlogPerLane: rng.pick([20, 60]),
    seesWorkers: false,
    invariantRate: 0.02,
    compareRate: 0.02,
  };
}

/** In some worlds callers wait on the line. */
function withRequests(rng: Rng, options: SimOptions): SimOptions {
  if (options.habits === quiet || !rng.chance(0.3)) return options;
  return { ...options, habits: { ...options.habits, request: rng.pick([0.1, 0.4, 0.8]) } };
}

function chooseWorld(rng: Rng): SimOptions {
  const gpus = chooseGpus(rng);
  const habits = chooseHabits(rng);
  return {
    gpus,
    lanes: chooseLanes(rng, gpus.length),
    policy: { ...choosePolicy(rng), ...chooseQuotas(rng) },
    habits,
    faults: rng.chance(0.1) ? noFaults : chooseFaults(rng),
    ...chooseSize(rng),
    editEveryMs: rng.pick([null, 2_000, 10_000]),
    scheduleEveryMs: null,
    backlogPerLane: 0,
    seesWorkers: rng.chance(0.4),
    invariantRate: rng.pick([0.05, 0.2]),
    compareRate: 0.03,
  };
}

function chooseGpus(rng: Rng): GpuOptions[] {
  const count = rng.pick([1, 1, 2, 2, 3, 4]);
  const isLinked = rng.chance(0.3);
  return Array.from({ length: count }, (_, index) => ({
    totalBytes: rng.pick([8, 16, 24, 24, 80]) * GIB,
    ...(isLinked ? { nvlinkPeers: [index ^ 1], numaNode: index >> 1 } : {}),
  }));
}

function choosePolicy(rng: Rng): Policy {
  return {
    cpuCores: 1 + rng.below(3),
    quantumFactor: rng.pick([1, 2, 4]),
    ramBytes: rng.pick([0, 0, 4 * GIB]),
    urgency: Math.SQRT2,
    fairShareHalfLifeMs: 600_000,
    quotas: {},
    vramReserveBytes: rng.pick([0, 0.5, 1]) * GIB,
  };
}

/** Most worlds are small, since most mistakes show in small ones and time is better spent on more seeds; some are large. */
function chooseSize(rng: Rng): Pick<SimOptions, "chaosMs" | "requestEveryMs"> {
  if (rng.chance(0.03)) return { chaosMs: 240_000, requestEveryMs: 500 };
  return {
    chaosMs: rng.pick([15_000, 30_000, 60_000, 120_000]),
    requestEveryMs: rng.pick([500, 1_000, 2_000]),
  };
}

function chooseFaults(rng: Rng): FaultRates {
  return {
    ...noFaults,
    startFails: rng.pick([0, 0.05, 0.3]),
    exitsBeforeReady: rng.pick([0, 0.05, 0.3]),
    jobFails: rng.pick([0, 0.1, 0.4]),
    jobLost: rng.pick([0, 0.05, 0.2]),
    jobKillsWorker: rng.pick([0, 0.02, 0.2]),
    cancelIgnored: rng.pick([0, 0.3, 1]),
    termIgnored: rng.pick([0, 0.2, 1]),
    duplicateReport: rng.pick([0, 0.05, 0.3]),
    daemonCrash: rng.pick([0, 0.01, 0.05]),
    commitSlow: rng.pick([0, 0, 0.02, 0.2]),
    diskFullEveryMs: rng.pick([null, null, 20_000, 60_000]),
    gpuLostEveryMs: rng.pick([null, 30_000, 10_000]),
    foreignEveryMs: rng.pick([null, 20_000, 5_000]),
    driverHangsEveryMs: rng.pick([null, null, 30_000]),
    clockSetEveryMs: rng.pick([null, null, 20_000]),
    outOfMemory: rng.pick([0, 0.3, 1]),
  };
}
