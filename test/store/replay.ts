import type { State } from "../../src/scheduler/model.ts";
import { durablePart } from "../../src/scheduler/request-jobs.ts";
import { pendingEffects, restore } from "../../src/scheduler/restore.ts";
import { type Step, step } from "../../src/scheduler/step.ts";
import type { SimResult } from "../../src/sim/run-seed.ts";
import type { Database } from "../../src/store/database.ts";
import { createJournal } from "../../src/store/journal.ts";
import { readRows } from "../../src/store/rows.ts";
import { commitStep } from "./commit-step.ts";

/**
 * Takes the steps of a simulated run once more, against a real database this time. The run may not have crashes of the
 * daemon in it; it is followed until the daemon is first told to stop. Gives the state after the last step.
 */
export function replay(
  db: Database,
  { trace, options }: Pick<SimResult, "trace" | "options">,
  afterStep: (state: State, taken: Step, index: number) => void = () => {},
): State {
  const journal = createJournal(db);
  const state = restore(options.policy, readRows(db));
  pendingEffects(state);
  const stopsAt = trace.findIndex(({ events }) => events.some(({ type }) => type === "shut-down"));
  trace.slice(0, stopsAt < 0 ? undefined : stopsAt).forEach(({ events }, index) => {
    const taken = step(state, events);
    commitStep(journal, durablePart(taken.changes));
    afterStep(state, taken, index);
  });
  return state;
}
