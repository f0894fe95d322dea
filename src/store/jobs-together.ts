import type { Database } from "./database.ts";
import type { WebhookName } from "./webhooks.ts";

/** How many of the jobs ended in which way. */
export interface Ends {
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** Reads about jobs that were submitted together, whose ids follow one another. */
export interface JobsTogether {
  /** The first one that is not over; null = all are, or were removed. */
  firstLive(name: WebhookName): number | null;
  ends(name: WebhookName): Ends;
  /** When the last one of so many, counted from the `from`-th, ended; null = none did. Milliseconds since 1970. */
  lastEndMs(name: WebhookName, from: number, count: number): number | null;
}

const LIVE = ["held", "queued", "starting", "running"] as const;

/** Counts go by an index alone: a hundred thousand jobs take some milliseconds. */
export function createJobsTogether(reader: Database): JobsTogether {
  const first = reader.prepare("SELECT MIN(id) FROM jobs WHERE state = ? AND id >= ? AND id < ?").pluck();
  const count = reader.prepare("SELECT COUNT(*) FROM jobs WHERE state = ? AND id >= ? AND id < ?").pluck();
  const end = reader.prepare("SELECT MAX(finished_at) FROM jobs WHERE id >= ? AND id < ?").pluck();
  const countOf = (state: string, { jobId, jobs }: WebhookName): number =>
    count.get(state, jobId, jobId + jobs) as number;
  return {
    firstLive({ jobId, jobs }) {
      const found = LIVE.map((state) => first.get(state, jobId, jobId + jobs) as number | null);
      const ids = found.filter((id) => id !== null);
      return ids.length === 0 ? null : Math.min(...ids);
    },
    ends: (name) => ({
      succeeded: countOf("succeeded", name),
      failed: countOf("failed", name),
      cancelled: countOf("cancelled", name),
    }),
    lastEndMs: ({ jobId, jobs }, from, many) =>
      end.get(jobId + from, jobId + Math.min(jobs, from + many)) as number | null,
  };
}
