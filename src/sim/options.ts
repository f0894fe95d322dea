import type { Policy } from "../scheduler/model.ts";
import { createRng, type Rng } from "../std/rng.ts";
import { chooseLanes, type LaneProfile } from "./lane-profiles.ts";

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
  readonly gpuLostEveryMs: number | null;
  readonly foreignEveryMs: number | null;
}

/** A run's whole set-up; with the seed it decides every event. */
export interface SimOptions {
  readonly gpus: readonly { readonly totalBytes: number }[];
  readonly lanes: readonly LaneProfile[];
  readonly policy: Policy;
  readonly faults: FaultRates;
  /** How long users and faults act before everything is healed. */
  readonly chaosMs: number;
  /** Mean time between two things that users ask for; null = nobody asks for anything. */
  readonly requestEveryMs: number | null;
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
  gpuLostEveryMs: null,
  foreignEveryMs: null,
};

export const GIB = 2 ** 30;

/** The set-up that `seed` stands for, with `overrides` in place of what was drawn. */
export function chooseOptions(seed: number, overrides: Partial<SimOptions> = {}): SimOptions {
  const rng = createRng(seed ^ 0x5eed);
  const gpus = Array.from({ length: rng.pick([1, 1, 2, 2, 3, 4]) }, () => ({
    totalBytes: rng.pick([8, 16, 24, 24, 80]) * GIB,
  }));
  return {
    gpus,
    lanes: chooseLanes(rng, gpus.length),
    policy: {
      cpuSlots: 1 + rng.below(3),
      quantumFactor: rng.pick([1, 2, 4]),
      vramReserveBytes: rng.pick([0, 0.5, 1]) * GIB,
    },
    faults: rng.chance(0.1) ? noFaults : chooseFaults(rng),
    chaosMs: rng.pick([60_000, 120_000, 240_000]),
    requestEveryMs: rng.pick([500, 1_000, 3_000]),
    compareRate: 0.05,
    ...overrides,
  };
}

function chooseFaults(rng: Rng): FaultRates {
  return {
    startFails: rng.pick([0, 0.05, 0.3]),
    exitsBeforeReady: rng.pick([0, 0.05, 0.3]),
    jobFails: rng.pick([0, 0.1, 0.4]),
    jobLost: rng.pick([0, 0.05, 0.2]),
    jobKillsWorker: rng.pick([0, 0.02, 0.2]),
    cancelIgnored: rng.pick([0, 0.3, 1]),
    termIgnored: rng.pick([0, 0.2, 1]),
    duplicateReport: rng.pick([0, 0.05, 0.3]),
    daemonCrash: rng.pick([0, 0.005, 0.03]),
    gpuLostEveryMs: rng.pick([null, 30_000, 10_000]),
    foreignEveryMs: rng.pick([null, 20_000, 5_000]),
  };
}
