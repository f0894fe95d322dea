import type { Progress, Written } from "../../operations/context.ts";
import type { Changes } from "../../scheduler/transition.ts";
import type { NoticeFeed } from "../feed.ts";

/** Texts of attempts that are over: whoever follows a quick job may come just after its end. */
const KEPT_TEXTS = 16;

/**
 * How far running jobs are and what text they have made, by their own word: kept in memory only, since they say it again after a
 * restart.
 */
export function createProgressBoard(feed: NoticeFeed) {
  const board = new Map<number, Progress>();
  const texts = new Map<number, Written>();
  const over = new Set<number>();
  return {
    of: (jobId: number): Progress | null => board.get(jobId) ?? null,
    note(jobId: number, made: Progress): void {
      board.set(jobId, made);
      feed.tell({ type: "progress", jobId, progress: made });
    },
    writtenOf: (jobId: number): Written | null => texts.get(jobId) ?? null,
    /** Told again from its beginning, after a connection broke, a text is news only once it is longer than it was. */
    noteWritten(jobId: number, written: Written): void {
      const known = texts.get(jobId);
      if (known?.attempt === written.attempt && known.text.length >= written.text.length) return;
      texts.set(jobId, written);
      over.delete(jobId);
      feed.tell({ type: "text", jobId, written });
    },
    /** Attempts that are over, however they ended, are no longer on their way. */
    forget(ended: Changes["attemptsEnded"]): void {
      for (const { jobId } of ended) {
        board.delete(jobId);
        if (texts.has(jobId)) over.add(jobId);
      }
      for (const jobId of over) {
        if (over.size <= KEPT_TEXTS) return;
        over.delete(jobId);
        texts.delete(jobId);
      }
    },
  };
}
