import type { Clock } from "../../std/clock.ts";
import type { Journal } from "../../store/journal.ts";
import type { Meters } from "./meters.ts";

type TimeMeters = Pick<Meters, "decision" | "commit" | "undone" | "step">;

/**
 * A journal that is timed. What the scheduler decides lies between the beginning of a transaction and the first thing that
 * is written into it: nothing awaits in between.
 */
export function timeJournal(journal: Journal, meters: TimeMeters, clock: Clock): Journal {
  let begunAtMs: number | null = null;
  const since = (atMs: number): number => (clock.monotonicMs() - atMs) / 1_000;
  return {
    ...journal,
    begin() {
      journal.begin();
      begunAtMs = clock.monotonicMs();
    },
    write(changes) {
      if (begunAtMs !== null) meters.decision.observe(since(begunAtMs));
      begunAtMs = null;
      return journal.write(changes);
    },
    commit() {
      const atMs = clock.monotonicMs();
      journal.commit();
      meters.commit.observe(since(atMs));
    },
    undo() {
      if (journal.isOpen()) meters.undone.add(1);
      begunAtMs = null;
      journal.undo();
    },
  };
}

type Watch = (what: string, work: () => void) => void;

/** A watch over turns of the loop that also times them. */
export function timeTurns(watch: Watch, { step }: TimeMeters, clock: Clock): Watch {
  return (what, work) => {
    const atMs = clock.monotonicMs();
    watch(what, work);
    step.observe((clock.monotonicMs() - atMs) / 1_000);
  };
}
