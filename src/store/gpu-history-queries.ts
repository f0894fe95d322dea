import type { Database } from "./database.ts";
import { type GpuMetric, gpuMetrics } from "./gpu-history.ts";

/** A GPU over one step, made of kept ones. Metrics that the driver does not tell are null. */
export type GpuStepRow = {
  readonly gpu: string;
  readonly atMs: number;
  readonly seenMs: number;
} & Readonly<Record<`${GpuMetric}Mean` | `${GpuMetric}Max`, number | null>>;

/** Who held a GPU, from when to when. */
export interface HolderRow {
  readonly worker: string;
  readonly runtime: string;
  readonly lane: string;
  /** Null of one-shot workers, too: they are their job. */
  readonly readyAtMs: number | null;
  readonly mode: "exclusive" | "shared" | "residue";
  readonly vramBytes: number;
  readonly grantedAtMs: number;
  /** Null = to this day. */
  readonly releasedAtMs: number | null;
}

/** Reads of what the GPUs did, and for whom. */
export interface GpuHistoryQueries {
  /** The steps in which a GPU was seen, of all GPUs or of one; in order of time. All times are whole steps. */
  gpuSteps(asked: {
    readonly keptMs: number;
    readonly stepMs: number;
    readonly fromMs: number;
    readonly untilMs: number;
    readonly gpu: string | null;
  }): GpuStepRow[];
  /** When the first row of this length begins; null without any. */
  oldestGpuStep(keptMs: number): number | null;
  /** UUIDs of the GPUs that were ever seen. */
  knownGpus(): { readonly uuid: string; readonly index: number; readonly totalBytes: number }[];
  /** Leases of a GPU in a time: the newest `limit`, in order of their grants. */
  holders(asked: {
    readonly gpu: string;
    readonly fromMs: number;
    readonly untilMs: number;
    readonly limit: number;
  }): HolderRow[];
}

/** Of the leases that ended later than asked for so many are looked at, those that ended first, for such as began before. */
const LATER_LOOKED_AT = 1_000;

/** The reads of an open database, prepared once. */
export function createGpuHistoryQueries(db: Database): GpuHistoryQueries {
  const steps = db.prepare(stepsSql());
  const oldest = db.prepare("SELECT MIN(at) FROM gpu_history WHERE step_ms = ?").pluck();
  const known = db.prepare('SELECT uuid, idx AS "index", total_bytes AS totalBytes FROM gpus ORDER BY idx');
  const holders = db.prepare(holdersSql());
  return {
    gpuSteps: (asked) => steps.all(asked) as GpuStepRow[],
    oldestGpuStep: (keptMs) => oldest.get(keptMs) as number | null,
    knownGpus: () => known.all() as ReturnType<GpuHistoryQueries["knownGpus"]>,
    holders: (asked) => (holders.all(asked) as HolderRow[]).reverse(),
  };
}

/** Numbers are bound as floating ones, and a division by one of those makes no groups. */
function stepsSql(): string {
  const metrics = gpuMetrics.map(
    (
      metric,
    ) => `SUM(${metric}_mean * seen_ms) / SUM(CASE WHEN ${metric}_mean IS NOT NULL THEN seen_ms END) AS ${metric}Mean,
      MAX(${metric}_max) AS ${metric}Max`,
  );
  return `SELECT gpu, at - at % :stepMs AS atMs, SUM(seen_ms) AS seenMs, ${metrics.join(", ")}
    FROM gpu_history WHERE step_ms = :keptMs AND at >= :fromMs AND at < :untilMs AND (:gpu IS NULL OR gpu = :gpu)
    GROUP BY at / CAST(:stepMs AS INTEGER), gpu`;
}

/** Three walks along indexes: what ended in that time, what ended later, what has not ended. */
function holdersSql(): string {
  const columns = "worker_id, mode, vram_bytes, granted_at, released_at FROM leases WHERE gpu = :gpu";
  return `SELECT w.name AS worker, w.runtime, w.lane, w.ready_at AS readyAtMs, l.mode, l.vram_bytes AS vramBytes, l.granted_at AS grantedAtMs,
      l.released_at AS releasedAtMs
    FROM (
      SELECT * FROM (SELECT ${columns} AND released_at > :fromMs AND released_at <= :untilMs
        ORDER BY released_at DESC LIMIT :limit)
      UNION ALL SELECT * FROM (SELECT ${columns} AND released_at > :untilMs ORDER BY released_at LIMIT ${LATER_LOOKED_AT})
        WHERE granted_at < :untilMs
      UNION ALL SELECT ${columns} AND released_at IS NULL AND granted_at < :untilMs
    ) l JOIN workers w ON w.id = l.worker_id ORDER BY l.granted_at DESC, l.worker_id DESC LIMIT :limit`;
}
