/** Run times of finished jobs: their number, mean and sum of squared deviations (Welford, 1962). Milliseconds. */
export interface RunStats {
  readonly count: number;
  readonly meanMs: number;
  readonly squares: number;
}

/** What a lane's own past says of its future. Null = not measured yet. */
export interface Learned {
  /** Smoothed time from the grant to readiness, and from the stop order to the exit. */
  readonly startMs: number | null;
  readonly stopMs: number | null;
  /** Starts from the program's own start to readiness, for how long the next may take. */
  readonly load: RunStats;
  /** Smoothed time that making its environment or image takes, or seeing that it is there. */
  readonly prepareMs: number | null;
  readonly run: RunStats;
  /** Largest memory that one of its workers was seen to hold on one GPU. */
  readonly vramPeakBytes: number | null;
  /** After a job ran out of memory: its lease is at least this. */
  readonly vramFloorBytes: number | null;
  /** Smoothed time from the order to sleep until it sleeps, and from the order to wake until it is ready. */
  readonly sleepMs: number | null;
  readonly wakeMs: number | null;
  /** Most that one of its workers still held on one GPU while it slept last. */
  readonly residueBytes: number | null;
  /** What one of its workers took of the host's memory when it slept last. Rows of older versions have none. */
  readonly sleepRamBytes?: number | null;
  /** Sleeps that failed since one succeeded, and until when none is tried again; null = it may be tried. */
  readonly sleepFailures: number;
  readonly noSleepUntilMs: number | null;
  /** How far past answers to "when will it start" were off, and how far ahead they looked. */
  readonly eta: RunStats;
  readonly etaAhead: RunStats;
}

export const noRuns: RunStats = { count: 0, meanMs: 0, squares: 0 };

export const nothingLearned: Learned = {
  startMs: null,
  stopMs: null,
  load: noRuns,
  prepareMs: null,
  run: noRuns,
  vramPeakBytes: null,
  vramFloorBytes: null,
  sleepMs: null,
  wakeMs: null,
  residueBytes: null,
  sleepFailures: 0,
  noSleepUntilMs: null,
  eta: noRuns,
  etaAhead: noRuns,
};

/** Weight of the newest measurement in smoothed costs. */
const NEWEST_WEIGHT = 0.3;
/** A mean of more runs than this forgets older ones, so that it follows a change. Shorter memories make the order of lanes jumpy. */
const RUN_MEMORY = 1_000;

/** Exponentially smoothed cost. Milliseconds. */
export function smooth(before: number | null, measuredMs: number): number {
  return before === null ? measuredMs : before + NEWEST_WEIGHT * (measuredMs - before);
}

/** The statistics with one more run: the plain mean at first, an exponentially weighted one later. */
export function withRun(stats: RunStats, runMs: number): RunStats {
  const count = Math.min(stats.count + 1, RUN_MEMORY);
  const kept = (count - 1) / Math.max(1, stats.count);
  const meanMs = stats.meanMs + (runMs - stats.meanMs) / count;
  const squares = stats.squares * kept + (runMs - stats.meanMs) * (runMs - meanMs);
  return { count, meanMs, squares };
}

/** Standard deviation in milliseconds; 0 for fewer than two runs. */
export function deviationMs({ count, squares }: RunStats): number {
  return count < 2 ? 0 : Math.sqrt(squares / (count - 1));
}
