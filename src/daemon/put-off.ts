import type { Event } from "../scheduler/events.ts";
import {
  durablePart,
  isRequestId,
  isTallyAlone,
  nothingOwed,
  withTallies,
} from "../scheduler/request-jobs.ts";
import type { Changes } from "../scheduler/transition.ts";

/**
 * What need not be on disk at once: requests leave nothing there but tallies (what was learned of a lane, use of GPUs, since
 * when a worker is idle), and a commit for each of these would cost more than most requests do.
 */
export interface PutOff {
  /** What of a step's changes is to be written now: with what was put off, or nothing at all if it is put off, too. */
  toWrite(events: readonly Pick<Event, "type">[], changes: Changes): Changes;
  isEmpty(): boolean;
  /** The state that it was about is gone. */
  forget(): void;
}

/** It is written this much later at most. */
const PUT_OFF_MS = 5_000;

/** Nothing is put off. @param onDue told when something has been put off for as long as may be */
export function createPutOff(onDue: () => void): PutOff {
  let owed = nothingOwed;
  let isAwaited = false;
  const writeLater = (): void => {
    if (isAwaited) return;
    isAwaited = true;
    setTimeout(() => {
      isAwaited = false;
      if (owed !== nothingOwed) onDue();
    }, PUT_OFF_MS).unref();
  };
  return {
    toWrite(events, changes) {
      const durable = durablePart(changes);
      if (durable !== changes && isTallyAlone(durable) && events.every(isOfRequest)) {
        owed = withTallies(owed, durable);
        writeLater();
        return nothingOwed;
      }
      if (owed === nothingOwed) return durable;
      const all = withTallies(durable, owed);
      owed = nothingOwed;
      return all;
    },
    isEmpty: () => owed === nothingOwed,
    forget() {
      owed = nothingOwed;
    },
  };
}

function isOfRequest(given: Pick<Event, "type">): boolean {
  const event = given as Event;
  if (event.type === "submit") return event.jobs.every((job) => job.isRequest === true);
  if (event.type === "job-ended" || event.type === "cancel") return isRequestId(event.jobId);
  return false;
}
