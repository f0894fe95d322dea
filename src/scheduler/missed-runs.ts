import { missedFires, nextFireMs, type Recurrence } from "./recurrence.ts";

/** What becomes of the fires of a schedule that nobody was there for: the daemon was down. */
export type MissedPolicy = "skip" | "once" | "all";

/** At most this many runs are made up for at one time. */
export const maxMissedRuns = 100;

/** A fire that is seen this little late is on time: a daemon that is replaced by a newer one takes seconds. */
export const onTimeMs = 60_000;

/** What to do about a schedule now. */
export interface DueRuns {
  /** The fires to submit a job for now, oldest first. */
  readonly fireAtMs: readonly number[];
  /** When to look again; null: it never fires again. */
  readonly nextAtMs: number | null;
  /** One sentence if some were missed, for the log and for whoever asks; else null. */
  readonly note: string | null;
}

/**
 * Decides which fires of a schedule lead to a job now. The newest one that is due is on time if it is at most a
 * minute late, and runs under each policy; the others were missed: `skip` drops them, `once` makes up for all of them
 * with the newest, `all` with one run each, of the newest 100.
 * @param doneMs the last fire that was dealt with, or the moment the schedule was made or its line changed. No fire
 * at or before it is handed out again, unless the clock was set back since by more than a fire: see `isAhead`.
 */
export function decideDueRuns(
  recurrence: Recurrence,
  policy: MissedPolicy,
  doneMs: number,
  nowMs: number,
): DueRuns {
  const sinceMs = isAhead(recurrence, doneMs, nowMs) ? nowMs : doneMs;
  const { newestMs, isCut } = missedFires(recurrence, sinceMs, nowMs, maxMissedRuns);
  const fireAtMs = chooseRuns(policy, newestMs, nowMs);
  return {
    fireAtMs,
    nextAtMs: nextFireMs(recurrence, Math.max(sinceMs, nowMs)),
    note: describe(policy, newestMs, isCut, nowMs),
  };
}

/**
 * Whether `doneMs` is of a clock that was set back since, by so much that the schedule would stand still: one fire that
 * would come a second time is left out (the nightly run, an hour after it), and from the second on all go by the new time.
 */
export function isAhead(recurrence: Recurrence, doneMs: number, nowMs: number): boolean {
  if (doneMs <= nowMs) return false;
  const firstMs = nextFireMs(recurrence, nowMs);
  const secondMs = firstMs === null ? null : nextFireMs(recurrence, firstMs);
  return secondMs !== null && secondMs <= doneMs;
}

function isOnTime(fireMs: number | undefined, nowMs: number): boolean {
  return fireMs !== undefined && nowMs - fireMs <= onTimeMs;
}

function chooseRuns(policy: MissedPolicy, newestMs: readonly number[], nowMs: number): readonly number[] {
  switch (policy) {
    case "all":
      return newestMs;
    case "once":
      return newestMs.slice(-1);
    case "skip":
      return isOnTime(newestMs.at(-1), nowMs) ? newestMs.slice(-1) : [];
  }
}

function describe(
  policy: MissedPolicy,
  newestMs: readonly number[],
  isCut: boolean,
  nowMs: number,
): string | null {
  const missed = newestMs.length - (isOnTime(newestMs.at(-1), nowMs) ? 1 : 0);
  if (missed === 0) return null;
  const runs = isCut
    ? `${maxMissedRuns} or more runs were`
    : missed === 1
      ? "1 run was"
      : `${missed} runs were`;
  switch (policy) {
    case "skip":
      return `${runs} missed and ${missed === 1 && !isCut ? "is" : "are"} skipped`;
    case "once":
      return `${runs} missed; one run makes up for ${missed === 1 && !isCut ? "it" : "them"}`;
    case "all":
      return isCut
        ? `${runs} missed; the newest ${maxMissedRuns} are made up for, the older ones are skipped`
        : `${runs} missed and ${missed === 1 ? "is" : "are"} made up for`;
  }
}
