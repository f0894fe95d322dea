import { endEarly } from "./end-early.ts";
import type { Offer } from "./placement.ts";
import type { Transition } from "./transition.ts";
import { drain, retire } from "./worker-transitions.ts";

/** Moves the victims of these offers out of the way: by the cheapest step that leaves room enough. */
export function makeRoom(tx: Transition, chosen: readonly Offer[]): void {
  for (const { victims } of chosen) {
    for (const { worker, how, sleeps } of victims) {
      if (how === "preempt") for (const job of [...worker.jobs]) endEarly(tx, job, "preempted");
      const reason = how === "preempt" ? "preempted" : "evicted";
      if (sleeps) retire(tx, worker, reason);
      else drain(tx, worker, reason);
    }
  }
}
