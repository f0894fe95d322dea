import type { Effect } from "../scheduler/effects.ts";
import type { Event, Reply } from "../scheduler/events.ts";
import type { LogEntry } from "../scheduler/transition.ts";

/** One step as it was taken, for replays and reports. */
export interface TraceEntry {
  readonly atMs: number;
  readonly events: readonly Event[];
  readonly replies: readonly (Reply | null)[];
  readonly effects: readonly Effect[];
  readonly log: readonly LogEntry[];
}

/** How often each kind of event, effect and fault came up. */
export type Tally = Map<string, number>;

/** What is written down about a run: counts always, and every step where somebody wants to see them. */
export interface Diary {
  readonly tally: Tally;
  readonly trace: TraceEntry[];
  readonly steps: number;
  readonly events: number;
  step(entry: TraceEntry): void;
}

/** An empty diary. With `keepsTrace` it keeps all steps: for long runs that is most of their memory. */
export function createDiary(keepsTrace: boolean): Diary {
  const tally: Tally = new Map();
  const trace: TraceEntry[] = [];
  let steps = 0;
  let events = 0;
  return {
    tally,
    trace,
    get steps() {
      return steps;
    },
    get events() {
      return events;
    },
    step(entry) {
      steps += 1;
      events += entry.events.length;
      for (const { type } of entry.events) add(tally, type, 1);
      for (const { type } of entry.effects) add(tally, `effect ${type}`, 1);
      if (keepsTrace) trace.push(entry);
    },
  };
}

/** Notes that a fault of this kind happened. */
export function note(diary: Diary, kind: string): void {
  add(diary.tally, `fault ${kind}`, 1);
}

/** Adds the counts of `from` to `to`. */
export function addTally(to: Tally, from: ReadonlyMap<string, number>): void {
  for (const [kind, count] of from) add(to, kind, count);
}

function add(tally: Tally, kind: string, count: number): void {
  tally.set(kind, (tally.get(kind) ?? 0) + count);
}
