import type { Progress } from "../../operations/context.ts";
import type { Changes } from "../../scheduler/transition.ts";
import type { NoticeFeed } from "../feed.ts";

/** How far running jobs are, by their own word: kept in memory only, since they say it again after a restart. */
export function createProgressBoard(feed: NoticeFeed) {
  const board = new Map<number, Progress>();
  return {
    of: (jobId: number): Progress | null => board.get(jobId) ?? null,
    note(jobId: number, made: Progress): void {
      board.set(jobId, made);
      feed.tell({ type: "progress", jobId, progress: made });
    },
    /** Attempts that are over, however they ended, are no longer on their way. */
    forget(ended: Changes["attemptsEnded"]): void {
      for (const { jobId } of ended) board.delete(jobId);
    },
  };
}
