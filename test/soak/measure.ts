import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** What must not grow, however long a daemon runs. */
export interface Reading {
  readonly atMs: number;
  /** Open descriptors of the daemon. */
  readonly descriptors: number;
  readonly rssBytes: number;
  readonly walBytes: number;
  /** Ended children that nobody has waited for. */
  readonly zombies: number;
}

/** A child that has just ended is one for a moment; what is still one after this long was forgotten. */
const ZOMBIE_MS = 1_000;

/** Reads it of the daemon `pid` whose database is `database`. */
export async function read(pid: number, database: string): Promise<Reading> {
  const before = zombiesOf(pid);
  await sleep(ZOMBIE_MS);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    atMs: performance.now(),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    rssBytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024,
    walBytes: statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    zombies: zombiesOf(pid).filter((name) => before.includes(name)).length,
  };
}

function zombiesOf(parent: number): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parentPid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state === "Z" && Number(parentPid) === parent;
    } catch {
      return false;
    }
  });
}

type Figure = Exclude<keyof Reading, "atMs">;

/** Most that the line through all readings may rise from its start to its end; what goes up and down stays below. */
export const tolerated: Readonly<Record<Figure, number>> = {
  descriptors: 8,
  rssBytes: 48 * 2 ** 20,
  walBytes: 12 * 2 ** 20,
  zombies: 1,
};

/** By how much the line through the readings rises over all of them (least squares). */
export function riseOf(readings: readonly Reading[], figure: Figure): number {
  const meanX = mean(readings.map(({ atMs }) => atMs));
  const meanY = mean(readings.map((reading) => reading[figure]));
  let [covariance, variance] = [0, 0];
  for (const reading of readings) {
    covariance += (reading.atMs - meanX) * (reading[figure] - meanY);
    variance += (reading.atMs - meanX) ** 2;
  }
  const spanMs = (readings.at(-1)?.atMs ?? 0) - (readings[0]?.atMs ?? 0);
  return variance === 0 ? 0 : (covariance / variance) * spanMs;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}

/** The first readings are of a daemon that still fills its caches. */
const WARM_UP = 3;

/** A line through fewer says nothing. */
export const LEAST_READINGS = WARM_UP + 5;

/** What rises by more than is tolerated, in words, if there are readings enough. */
export function trends(all: readonly Reading[]): string[] {
  if (all.length < LEAST_READINGS) return [];
  const readings = all.slice(WARM_UP);
  return (Object.keys(tolerated) as Figure[]).flatMap((figure) => {
    const rise = riseOf(readings, figure);
    return rise <= tolerated[figure]
      ? []
      : [`${figure} rises by ${Math.round(rise)}, at most ${tolerated[figure]} is flat`];
  });
}
