import { addTally, type Tally } from "./diary.ts";
import { runSeed } from "./run-seed.ts";

/** Seeds that are run one after another: `count` of them from `from` on. */
export interface Block {
  readonly from: number;
  readonly count: number;
}

/** What came of seeds, added up. */
export interface Sums {
  seeds: number;
  steps: number;
  events: number;
  jobs: number;
  readonly tally: Tally;
}

export interface BlockResult extends Sums {
  /** The first seed that failed, after which the block was given up; null = none did. */
  readonly failedSeed: number | null;
}

/** Nothing yet. */
export function noSums(): Sums {
  return { seeds: 0, steps: 0, events: 0, jobs: 0, tally: new Map() };
}

/** Adds what came of some seeds to what came of others. */
export function addSums(to: Sums, from: Sums): void {
  to.seeds += from.seeds;
  to.steps += from.steps;
  to.events += from.events;
  to.jobs += from.jobs;
  addTally(to.tally, from.tally);
}

/** Runs the seeds of a block up to the first that fails. Traces are not kept: a failed seed is simply run again. */
export function runBlock({ from, count }: Block): BlockResult {
  const sums = noSums();
  for (let seed = from; seed < from + count; seed++) {
    const result = runSeed(seed, {}, false);
    addSums(sums, { ...result, seeds: 1 });
    if (result.failure !== null) return { ...sums, failedSeed: seed };
  }
  return { ...sums, failedSeed: null };
}
