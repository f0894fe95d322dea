import { type Database, translate } from "./database.ts";

/** The lengths of the steps that are kept, finest first: so many milliseconds from one row of a GPU to the next. */
export const gpuHistorySteps = [5_000, 60_000, 3_600_000] as const;

/** What is kept of a GPU; each is two columns. */
export const gpuMetrics = [
  "utilization",
  "used",
  "ours",
  "foreign",
  "reserved",
  "temperature",
  "power",
] as const;
export type GpuMetric = (typeof gpuMetrics)[number];

/** A metric over some time. */
export interface Measured {
  readonly mean: number;
  readonly max: number;
}

/** What a GPU did in a part of one of the finest steps. */
export interface GpuSeen {
  readonly gpu: string;
  /** Where the step begins. */
  readonly atMs: number;
  /** For how long it was seen, in whole milliseconds; more than none. */
  readonly seenMs: number;
  /** Null = the driver does not tell. */
  readonly metrics: Readonly<Record<GpuMetric, Measured | null>>;
}

/** Writes the history of the GPUs into an open transaction. */
export interface GpuHistoryWriter {
  /** Adds to the rows of all lengths. What is there stays: another part of a step is weighed by its time. @throws Failure as the store does */
  add(seen: readonly GpuSeen[]): void;
  /**
   * Removes rows older than `keepMs` of their length, and those that lie as far ahead since the clock was set back: a few at a
   * time, the oldest first. @returns whether there may be more of them
   */
  prune(nowMs: number, keepMs: readonly number[]): boolean;
}

/** Rows of one length that are removed at once: a millisecond's work. */
const PRUNED_AT_ONCE = 256;

/** Prepares the statements of an open database. */
export function createGpuHistoryWriter(db: Database): GpuHistoryWriter {
  const upsert = db.prepare(upsertSql());
  // Both are walks along the key: the times of so many rows, then all rows of these times.
  const timesOf = (condition: string): string =>
    `SELECT at FROM gpu_history WHERE step_ms = :stepMs AND ${condition} LIMIT ${PRUNED_AT_ONCE}`;
  const pruner = (condition: string) =>
    db.prepare(`DELETE FROM gpu_history WHERE step_ms = :stepMs AND at IN (${timesOf(condition)})`);
  const pruneOld = pruner("at < :limitMs");
  const pruneAhead = pruner("at > :limitMs");
  return {
    add: (seen) =>
      translate(db.name, () => {
        for (const { gpu, atMs, seenMs, metrics } of seen) {
          const values = gpuMetrics.flatMap((metric) => [
            metrics[metric]?.mean ?? null,
            metrics[metric]?.max ?? null,
          ]);
          for (const stepMs of gpuHistorySteps)
            upsert.run(stepMs, Math.floor(atMs / stepMs) * stepMs, gpu, seenMs, ...values);
        }
      }),
    prune: (nowMs, keepMs) =>
      translate(db.name, () => {
        const removed = gpuHistorySteps.map((stepMs, index) => {
          const kept = keepMs[index] ?? 0;
          const old = pruneOld.run({ stepMs, limitMs: nowMs - kept - stepMs });
          const ahead = pruneAhead.run({ stepMs, limitMs: nowMs + kept });
          return Math.max(old.changes, ahead.changes);
        });
        return removed.some((rows) => rows >= PRUNED_AT_ONCE);
      }),
  };
}

/** What is on the right of an assignment is as it was before: the sums of times are those without the new part. */
function upsertSql(): string {
  const columns = gpuMetrics.flatMap((metric) => [`${metric}_mean`, `${metric}_max`]);
  const merged = gpuMetrics.map(
    (metric) => `${metric}_mean = CASE
        WHEN ${metric}_mean IS NULL THEN excluded.${metric}_mean
        WHEN excluded.${metric}_mean IS NULL THEN ${metric}_mean
        ELSE (${metric}_mean * seen_ms + excluded.${metric}_mean * excluded.seen_ms) / (seen_ms + excluded.seen_ms) END,
      ${metric}_max = MAX(COALESCE(${metric}_max, excluded.${metric}_max), COALESCE(excluded.${metric}_max, ${metric}_max))`,
  );
  return `INSERT INTO gpu_history (step_ms, at, gpu, seen_ms, ${columns.join(", ")})
    VALUES (?, ?, ?, ?, ${columns.map(() => "?").join(", ")})
    ON CONFLICT DO UPDATE SET seen_ms = seen_ms + excluded.seen_ms, ${merged.join(", ")}`;
}
