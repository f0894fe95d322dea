import { describeResult, runSeed } from "./run-seed.ts";

const usage = "usage: npm run sim -- [--seed N] [--count N]\n";

/**
 * Runs `--count` seeds from `--seed` on (1,000 from 1 without either) and writes what came of them.
 * @param argv arguments without the program's name
 * @returns the exit code: 0 if all seeds passed, 1 at the first that fails, 2 for arguments it does not know
 */
export function main(argv: readonly string[], write: (text: string) => void): number {
  const given = readArguments(argv);
  if (given === undefined) {
    write(usage);
    return 2;
  }
  let events = 0;
  for (let seed = given.seed; seed < given.seed + given.count; seed++) {
    const result = runSeed(seed);
    events += result.events;
    if (result.failure !== null) {
      write(`${describeResult(result, 25)}\n`);
      return 1;
    }
    if (given.count === 1) write(`${describeResult(result)}\n`);
  }
  if (given.count > 1) write(`${given.count} seeds passed, ${events} events\n`);
  return 0;
}

function readArguments(argv: readonly string[]): { seed: number; count: number } | undefined {
  const numbers = new Map<string, number>();
  for (let at = 0; at < argv.length; at += 2) {
    const value = Number(argv[at + 1]);
    if (!["--seed", "--count"].includes(argv[at] ?? "") || !Number.isSafeInteger(value)) return undefined;
    numbers.set(argv[at] ?? "", value);
  }
  const seed = numbers.get("--seed");
  return { seed: seed ?? 1, count: numbers.get("--count") ?? (seed === undefined ? 1_000 : 1) };
}
