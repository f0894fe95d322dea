import { availableParallelism } from "node:os";
import { type Clock, systemClock } from "../std/clock.ts";
import type { Sums } from "./run-block.ts";
import { runParallel, serveBlocks } from "./run-parallel.ts";
import { describeResult, runSeed } from "./run-seed.ts";

const usage = `usage: npm run sim -- [--seeds N] [--from N] [--jobs N]   many seeds (1,000 from 1 on, on all cores)
       npm run sim -- --seed N                           one, with its options and last steps if it fails
`;

/** Where the words go: results, which are the same for the same seeds; and what is only true of this run. */
export interface Output {
  result(text: string): void;
  /** Speed, and progress where somebody looks on (`isTerminal`). */
  aside(text: string): void;
  readonly isTerminal: boolean;
}

const PROGRESS_EVERY_MS = 500;

// A thread that runParallel made begins here as well.
serveBlocks();

/**
 * Runs the seeds that the arguments name and writes what came of them: the counts of all events and faults, or the lowest
 * seed that failed with its options and last steps.
 * @param argv arguments without the program's name
 * @returns the exit code: 0 if all seeds passed, 1 if one failed, 2 for arguments it does not know
 */
export async function main(argv: readonly string[], output: Output): Promise<number> {
  const given = readArguments(argv);
  if (given === undefined) {
    output.aside(usage);
    return 2;
  }
  if (given.seed === undefined) return await runMany(given, output);
  const result = runSeed(given.seed);
  output.result(`${describeResult(result, 25)}\n`);
  return result.failure === null ? 0 : 1;
}

interface Arguments {
  readonly seed: number | undefined;
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
}

function readArguments(argv: readonly string[]): Arguments | undefined {
  const numbers = new Map<string, number>();
  for (let at = 0; at < argv.length; at += 2) {
    const value = Number(argv[at + 1]);
    const isKnown = ["--seed", "--seeds", "--from", "--jobs"].includes(argv[at] ?? "");
    if (!isKnown || !Number.isSafeInteger(value) || value < 1) return undefined;
    numbers.set(argv[at] ?? "", value);
  }
  const seed = numbers.get("--seed");
  if (seed !== undefined && numbers.size > 1) return undefined;
  return {
    seed,
    seeds: numbers.get("--seeds") ?? 1_000,
    from: numbers.get("--from") ?? 1,
    jobs: numbers.get("--jobs") ?? availableParallelism(),
  };
}

async function runMany({ seeds, from, jobs }: Arguments, output: Output): Promise<number> {
  const speedOf = stopwatch(systemClock);
  let shownAtMs = systemClock.monotonicMs();
  const show = (sums: Sums): void => {
    if (!output.isTerminal || systemClock.monotonicMs() - shownAtMs < PROGRESS_EVERY_MS) return;
    shownAtMs = systemClock.monotonicMs();
    output.aside(`\r${sums.seeds} of ${seeds} seeds, ${speedOf(sums)} `);
  };
  const many = await runParallel({ from, count: seeds }, jobs, show);
  output.aside(`${output.isTerminal ? "\r" : ""}${many.seeds} seeds, ${speedOf(many)}\n`);
  if (many.failedSeed !== null) {
    output.result(`${describeResult(runSeed(many.failedSeed), 25)}\n`);
    return 1;
  }
  const counts = [...many.tally].sort(([left], [right]) => (left < right ? -1 : 1));
  for (const [kind, count] of counts) output.result(`${String(count).padStart(12)}  ${kind}\n`);
  output.result(`${seeds} seeds passed: ${many.steps} steps, ${many.events} events, ${many.jobs} jobs\n`);
  return 0;
}

function stopwatch(clock: Clock): (sums: Sums) => string {
  const startMs = clock.monotonicMs();
  return ({ seeds, events }) => {
    const seconds = Math.max(0.001, (clock.monotonicMs() - startMs) / 1_000);
    return `${Math.round(seeds / seconds)} seeds/s, ${Math.round(events / seconds)} events/s`;
  };
}
