import type { Feed, Notice } from "../operations/context.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import type { Changes } from "../scheduler/transition.ts";

export interface NoticeFeed extends Feed {
  tell(notice: Notice): void;
  /** Tells what a committed step changed; costs nothing while nobody listens. */
  tellCommitted(changes: Changes, seqs: readonly number[]): void;
}

/** A feed without listeners. */
export function createFeed(): NoticeFeed {
  const listeners = new Set<(notice: Notice) => void>();
  const tell = (notice: Notice): void => {
    for (const hear of [...listeners]) hear(notice);
  };
  return {
    listen(hear) {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
    tell,
    tellCommitted(changes, seqs) {
      if (listeners.size === 0) return;
      const ids = new Set<number>();
      for (const { job } of changes.newJobs) ids.add(job.id);
      for (const job of changes.jobs) ids.add(job.id);
      for (const { job } of changes.ended) ids.add(job.id);
      for (const id of ids) if (isRequestId(id)) ids.delete(id);
      if (ids.size > 0) tell({ type: "jobs", ids });
      const lastSeq = seqs.at(-1);
      if (lastSeq !== undefined) tell({ type: "events", lastSeq });
    },
  };
}
