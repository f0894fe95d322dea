import { assert } from "../std/assert.ts";
import { applyDue, wakeAtMs } from "./due.ts";
import type { Effect, Fire } from "./effects.ts";
import type { Event, Reply, Request } from "./events.ts";
import type { State } from "./model.ts";
import { plan } from "./plan.ts";
import { applyReport } from "./reports.ts";
import { applyRequest } from "./requests.ts";
import { beginTransition, type Changes, noChanges, type Transition } from "./transition.ts";

/** What came of a step: rows to commit, effects to perform after that, one reply per event (null for reports). */
export interface Step {
  readonly changes: Changes;
  readonly effects: readonly Effect[];
  readonly fires: readonly Fire[];
  readonly replies: readonly (Reply | null)[];
  /** When to come back with a tick if nothing happens before; undefined = never. */
  readonly wakeAtMs: number | undefined;
}

const requestTypes: ReadonlySet<string> = new Set<Request["type"]>([
  "submit",
  "cancel",
  "hold",
  "release",
  "change-job",
  "forget-jobs",
  "start-worker",
  "preload",
  "declare-home",
  "forget-learned",
  "reset-runtime",
  "clear-gpu",
  "stop-worker",
  "pin-worker",
  "sleep-worker",
  "wake-worker",
  "exec",
  "shut-down",
  "add-schedule",
  "pause-schedule",
  "remove-schedule",
  "fire-schedule",
  "add-reservation",
  "remove-reservation",
]);

/**
 * The whole scheduler: applies events in order, then decides once what can be done. Deterministic: the same state and
 * events give the same step. The state is changed in place; on a failed commit it is rebuilt from the database.
 * @param events at least one; their times may not decrease.
 */
export function step(state: State, events: readonly Event[]): Step {
  const tx = beginTransition(state, events[0]?.atMs ?? 0, Number.POSITIVE_INFINITY);
  const replies = applyEvents(tx, events);
  assert(applyDue(tx), "a step without a limit is one slice");
  return conclude(tx, replies);
}

/**
 * The same in slices, for one transaction over many turns: an end may let a hundred thousand jobs go. Yields what came of each
 * slice, which is changes alone, and returns the last one, with the replies and all that is to be done. Nothing else may
 * change the state in between.
 * @param mostJobs that a slice changes besides those which the events are about
 */
export function* stepInSlices(
  state: State,
  events: readonly Event[],
  mostJobs: number,
): Generator<Step, Step, void> {
  const tx = beginTransition(state, events[0]?.atMs ?? 0, mostJobs);
  const replies = applyEvents(tx, events);
  while (!applyDue(tx)) {
    yield { changes: tx.changes, effects: [], fires: [], replies: [], wakeAtMs: undefined };
    tx.changes = noChanges();
    tx.left = mostJobs;
  }
  return conclude(tx, replies);
}

function applyEvents(tx: Transition, events: readonly Event[]): (Reply | null)[] {
  return events.map((event) => {
    tx.nowMs = Math.max(tx.nowMs, event.atMs);
    if (isRequest(event)) return applyRequest(tx, event);
    applyReport(tx, event);
    return null;
  });
}

function conclude(tx: Transition, replies: Step["replies"]): Step {
  plan(tx);
  return { changes: tx.changes, effects: tx.effects, fires: tx.fires, replies, wakeAtMs: wakeAtMs(tx) };
}

function isRequest(event: Event): event is Extract<Event, Request> {
  return requestTypes.has(event.type);
}
