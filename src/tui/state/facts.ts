import type { JobView } from "../../protocol/views.ts";
import type { Snapshot } from "../feed/snapshot.ts";
import type { Facts } from "./pane-keys.ts";
import type { Pane } from "./panes.ts";
import { cursorIndex } from "./scroll.ts";
import type { Ui } from "./ui.ts";

export interface FactSource {
  readonly snap: Snapshot;
  readonly ui: Ui;
  /** The pane in use. */
  readonly pane: Pane;
  readonly pageRows: number;
  readonly isReadOnly: boolean;
  /** How far what is shown is scrolled. */
  readonly places: { readonly top: number; readonly above: number };
}

/** What the keys are about: the row under the cursor, or what the details are of. */
export function factsOf({ snap, ui, pane, pageRows, isReadOnly, places }: FactSource): Facts {
  const jobs = jobsOf(snap);
  const key = pane.keys[cursorIndex(pane.keys, ui.cursors[ui.pane])] ?? null;
  const about = {
    isReadOnly,
    keys: pane.keys,
    isPartial: pane.isPartial,
    sortable: pane.sortable,
    pageRows,
    jobs,
    top: places.top,
    above: places.above,
  };
  const logLines = snap.detail?.log.length ?? 0;
  if (ui.mode.kind === "detail") {
    const { target } = ui.mode;
    return {
      ...about,
      logLines,
      job: target.kind === "job" ? (snap.detail?.job ?? jobs.get(target.id) ?? null) : null,
      worker: target.kind === "worker" ? workerOf(snap, target.name) : null,
      gpu: null,
    };
  }
  const isJobPane = ui.pane === "running" || ui.pane === "queue" || ui.pane === "history";
  return {
    ...about,
    logLines,
    job: key !== null && isJobPane ? (jobs.get(Number(key)) ?? null) : null,
    worker: key !== null && ui.pane === "workers" ? workerOf(snap, key) : null,
    gpu: ui.pane === "gpus" ? (snap.status?.gpus.find(({ uuid }) => uuid === key) ?? null) : null,
  };
}

function jobsOf(snap: Snapshot): ReadonlyMap<number, JobView> {
  return new Map([...snap.finished, ...snap.queue, ...snap.running].map((job) => [job.id, job]));
}

function workerOf(snap: Snapshot, name: string): Facts["worker"] {
  return snap.status?.workers.find((worker) => worker.name === name) ?? null;
}
