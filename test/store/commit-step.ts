import type { Changes } from "../../src/scheduler/transition.ts";
import type { Journal } from "../../src/store/journal.ts";

/** Writes one step in a transaction of its own, as the loop does. Gives the numbers of its log lines. */
export function commitStep(journal: Journal, changes: Changes): readonly number[] {
  journal.begin();
  try {
    const seqs = journal.write(changes);
    journal.commit();
    return seqs;
  } catch (error) {
    journal.undo();
    throw error;
  }
}
