import type { Report } from "../scheduler/events.ts";
import type { Written } from "./long-work.ts";
import type { LoopOptions } from "./loop-options.ts";

/** Does and tells what is on disk. */
export interface Aftermath {
  /** At once. */
  act(step: Written): void;
  /** Takes in what a large commit brought: too much for one turn. */
  add(steps: readonly Written[]): void;
  isEmpty(): boolean;
  /** Goes on with what was taken in, as far as one turn of the event loop goes. */
  actSome(): void;
  actAll(): void;
  /** No timer goes off any more. */
  stop(): void;
}

const SLICE_MS = 8;
/** Longest timer Node has. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** `report` is told when the time has come that a step asked to be woken at. */
export function createAftermath(options: LoopOptions, report: (report: Report) => void): Aftermath {
  const { clock } = options;
  let timer: NodeJS.Timeout | undefined;
  let left: readonly Written[] = [];
  let next = 0;
  const wakeAt = (atMs: number | undefined): void => {
    clearTimeout(timer);
    if (atMs === undefined) return;
    const waitMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(atMs - clock.nowMs())));
    timer = setTimeout(() => report({ type: "tick" }), waitMs);
  };
  const act = ({ planned, seqs }: Written): void => {
    for (const effect of planned.effects) options.perform(effect, false);
    for (const fire of planned.fires) options.fire(fire);
    options.committed(planned.changes, seqs);
    wakeAt(planned.wakeAtMs);
  };
  const actUntil = (atMs: number): void => {
    for (let step = left[next]; step !== undefined && clock.monotonicMs() < atMs; step = left[next]) {
      next += 1;
      act(step);
    }
    if (next >= left.length) left = [];
  };
  return {
    act,
    add(steps) {
      left = steps;
      next = 0;
    },
    isEmpty: () => next >= left.length,
    actSome: () => actUntil(clock.monotonicMs() + SLICE_MS),
    actAll: () => actUntil(Number.POSITIVE_INFINITY),
    stop: () => clearTimeout(timer),
  };
}
