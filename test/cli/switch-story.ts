import type { EventView } from "../../src/protocol/views.ts";

/** What happens in a switch: so many milliseconds after its beginning, what, of which worker, told how. */
export type SwitchStep = readonly [atMs: number, type: string, worker: string | null, text: string];

/** One that evicts left-1 for sdxl-1; other-9 and next-3 have nothing to do with it. How it ends is still missing. */
const steps: readonly SwitchStep[] = [
  [0, "worker-summoned", null, "a worker for sdxl was asked for"],
  [0, "worker-draining", "left-1", "left-1 finishes 1 running job(s), then stops (evicted)"],
  [10, "worker-stopping", "other-9", "other-9 stops (idle)"],
  [4000, "worker-stopping", "left-1", "left-1 stops (evicted)"],
  [4800, "lease-released", "left-1", "left-1 gave GPU 0 back"],
  [4800, "worker-gone", "left-1", "left-1 is gone"],
  [4800, "worker-starting", "sdxl-1", "sdxl-1 starts on GPU 0 for sdxl"],
  [4900, "worker-draining", "next-3", "next-3 finishes 1 running job(s), then stops (evicted)"],
  [5000, "worker-spawn", "sdxl-1", "sdxl-1: its program starts"],
  [5300, "worker-load", "sdxl-1", "sdxl-1: it loads"],
];

export const ready: SwitchStep = [22_300, "worker-ready", "sdxl-1", "sdxl-1 is ready after 17.5 s"];
export const failed: SwitchStep = [
  9000,
  "worker-failed",
  "sdxl-1",
  "sdxl-1 is failed: its program ended with 3",
];

const BEGAN_MS = Date.parse("2026-01-02T00:10:00Z"); // As the clock of the captured Io stands.

/** The events of a switch with its end, after the one that was there before. */
export function switchEvents(end: SwitchStep): EventView[] {
  return [...steps, end].map(([atMs, type, worker, text], index) => ({
    ...eventBefore,
    ...{ seq: eventBefore.seq + 1 + index, at: new Date(BEGAN_MS + atMs).toISOString(), type, worker, text },
  }));
}

/** The last event before a switch. */
export const eventBefore: EventView = {
  seq: 7,
  at: "2026-01-02T00:09:00.000Z",
  type: "job-finished",
  job: null,
  correlation: null,
  worker: null,
  gpu: null,
  text: "job 41 succeeded",
};
