import type { WorkerView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { gpuNames, stateColour } from "./job-text.ts";
import type { Column } from "./table.ts";

/** Columns of a list of workers. */
export const workerColumns: readonly Column<WorkerView>[] = [
  { title: "WORKER", value: (worker) => worker.name },
  { title: "RUNTIME", value: (worker) => worker.runtime },
  { title: "STATE", value: (worker) => worker.state, colour: (worker) => stateColour(worker.state) },
  { title: "GPUS", value: (worker) => gpuNames(worker.gpus) },
  {
    title: "VRAM",
    value: (worker) =>
      worker.vramBytes === null ? (worker.mode === "none" ? null : "all") : formatBytes(worker.vramBytes),
    align: "right",
  },
  { title: "JOBS", value: (worker) => worker.jobs.join(",") || null },
  { title: "PINNED", value: (worker) => (worker.pinned ? "yes" : null) },
  { title: "DETAIL", value: (worker) => worker.detail || null },
];

/** "worker sdxl-1 starting (waits for 12 GiB)" */
export function workerSentence(worker: WorkerView): string {
  return `worker ${worker.name} ${worker.state}${worker.detail === "" ? "" : ` (${worker.detail})`}`;
}
