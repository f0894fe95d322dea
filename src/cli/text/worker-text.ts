import type { WorkerView } from "../../protocol/views.ts";
import { workerStates } from "../../protocol/worker-states.ts";
import { formatBytes } from "../../std/bytes.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { gpuNames, stateColour } from "./job-text.ts";
import type { Column } from "./table.ts";

/** Columns of a list of workers. */
export const workerColumns: readonly Column<WorkerView>[] = [
  { title: "WORKER", value: (worker) => worker.name, shrinks: true, rank: 9 },
  { title: "RUNTIME", value: (worker) => worker.runtime, shrinks: true, rank: 2 },
  { title: "STATE", value: (worker) => worker.state, colour: (worker) => stateColour(worker.state), rank: 8 },
  { title: "GPUS", value: (worker) => gpuNames(worker.gpus), shrinks: true, rank: 6 },
  {
    title: "VRAM",
    value: (worker) =>
      worker.vramBytes === null ? (worker.mode === "none" ? null : "all") : formatBytes(worker.vramBytes),
    align: "right",
    rank: 4,
  },
  { title: "JOBS", value: (worker) => servedBy(worker) || null, shrinks: true, rank: 7 },
  { title: "PINNED", value: (worker) => (worker.pinned ? "yes" : null), rank: 3 },
  { title: "DETAIL", value: (worker) => worker.detail || null, shrinks: true, rank: 5 },
];

/** "3,4+2r": the jobs it runs, and how many requests of the gateway. */
function servedBy({ jobs, requests }: WorkerView): string {
  return [jobs.join(","), ...(requests > 0 ? [`${requests}r`] : [])].filter((part) => part !== "").join("+");
}

/** What workers are filtered and sorted by. */
export const workerFields: FieldsOf<WorkerView> = {
  id: "number",
  name: "text",
  runtime: "text",
  lane: "text",
  state: workerStates,
  detail: "text",
  gpus: "text",
  mode: ["exclusive", "shared", "none"],
  vramBytes: "bytes",
  fence: "number",
  pinned: "flag",
  pid: "number",
  jobs: "number",
  requests: "number",
  slots: "number",
  since: "time",
  keptUntil: "time",
  uiUrl: "text",
  startedAt: "time",
  readyAt: "time",
};

/** "worker sdxl-1 starting (waits for 12 GiB)" */
export function workerSentence(worker: WorkerView): string {
  return `worker ${worker.name} ${worker.state}${worker.detail === "" ? "" : ` (${worker.detail})`}`;
}
