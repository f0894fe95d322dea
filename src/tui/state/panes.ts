import type { GpuView, JobView, WorkerView } from "../../protocol/views.ts";
import type { Snapshot } from "../feed/snapshot.ts";
import { fitColumns, headingOf, type PaneColumn, rowOf } from "../text/columns.ts";
import type { Look } from "../text/look.ts";
import { grouped } from "../text/span.ts";
import { gpuColumns } from "../views/gpus.ts";
import { finishedColumns, queueColumns, runningColumns } from "../views/jobs.ts";
import { eventColumns, runtimeColumns, userColumns } from "../views/lists.ts";
import { workerColumns } from "../views/workers.ts";
import { matches, type PaneId, readFilter, type Ui } from "./ui.ts";

/** A pane with its rows in their order, ready to be drawn at any size. */
export interface Pane {
  readonly id: PaneId;
  readonly title: string;
  /** Rows there are in all, of which `keys` may be a window. */
  readonly total: number;
  readonly keys: readonly string[];
  /** The list goes on beyond these rows. */
  readonly isPartial: boolean;
  /** Titles of the columns it can be sorted by. */
  readonly sortable: readonly string[];
  heading(columns: number): string;
  lines(columns: number, from: number, count: number): string[];
}

export interface PaneSource {
  readonly snap: Snapshot;
  readonly ui: Ui;
  readonly look: Look;
}

interface Table<Row> {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly columns: readonly PaneColumn<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly total?: number;
}

/** The pane as it is now, filtered and sorted. */
export function paneOf(id: PaneId, source: PaneSource): Pane {
  const { snap, ui, look } = source;
  const gpus = snap.status?.gpus ?? [];
  const workers = snap.status?.workers ?? [];
  const jobs = snap.status?.jobs;
  const context = { look, nowMs: snap.nowMs, gpus, startsMs: snap.startsMs, marks: ui.marks };
  switch (id) {
    case "gpus":
      return build(id, source, {
        title: "GPUs",
        rows: gpus,
        columns: gpuColumns({ look, workers, loads: snap.loads }),
        keyOf: gpuKey,
      });
    case "workers":
      return build(id, source, {
        title: "Workers",
        rows: byPlace(workers, gpus),
        columns: workerColumns(context),
        keyOf: workerKey,
      });
    case "running":
      return build(id, source, {
        title: "Running",
        rows: snap.running,
        columns: runningColumns(context),
        keyOf: jobKey,
        total: (jobs?.running ?? 0) + (jobs?.starting ?? 0),
      });
    case "queue":
      return build(id, source, {
        ...queueTable(snap, (jobs?.queued ?? 0) + (jobs?.held ?? 0)),
        columns: queueColumns(context),
        keyOf: jobKey,
      });
    case "events":
      return build(id, source, {
        title: "Events",
        rows: snap.events.toReversed(),
        columns: eventColumns,
        keyOf: ({ seq }) => String(seq),
      });
    case "users":
      return build(id, source, {
        title: "Users and groups",
        rows: snap.users?.accounts ?? [],
        columns: userColumns(look),
        keyOf: ({ account }) => account,
      });
    case "runtimes":
      return build(id, source, {
        title: "Runtimes: the newest 1,000 finished jobs",
        rows: snap.runtimes,
        columns: runtimeColumns,
        keyOf: ({ runtime }) => runtime,
      });
    default:
      return build(id, source, {
        title: "Finished",
        rows: snap.finished,
        columns: finishedColumns(context),
        keyOf: jobKey,
        total: (jobs?.succeeded ?? 0) + (jobs?.failed ?? 0) + (jobs?.cancelled ?? 0),
      });
  }
}

/** Those on the first GPU first, so that neighbours on the screen are neighbours. */
function byPlace(workers: readonly WorkerView[], gpus: readonly GpuView[]): WorkerView[] {
  const indexOf = new Map(gpus.map(({ uuid, index }) => [uuid, index]));
  const placeOf = (worker: WorkerView): number =>
    worker.gpus.reduce((least, uuid) => Math.min(least, indexOf.get(uuid) ?? least), Number.MAX_SAFE_INTEGER);
  return workers.toSorted((left, right) => placeOf(left) - placeOf(right) || left.id - right.id);
}

/** A queue that is known as a whole is shown in the order in which it is expected to be served, a part of one as it came. */
function queueTable({ queue, startsMs }: Snapshot, total: number) {
  if (queue.length < total) return { title: "Queue, oldest first", rows: queue, total };
  const startOf = ({ id, state }: JobView): number =>
    startsMs.get(id) ?? Number.MAX_VALUE / (state === "held" ? 1 : 2);
  const rows = queue.toSorted(
    (left, right) => startOf(left) - startOf(right) || right.priority - left.priority || left.id - right.id,
  );
  return { title: "Queue, next first", rows, total };
}

function build<Row>(id: PaneId, { ui, look }: PaneSource, table: Table<Row>): Pane {
  const { words } = readFilter(ui.filter);
  const isFiltered = words.length > 0;
  const textOf = (row: Row): string => table.columns.map((column) => column.text?.(row) ?? "").join(" ");
  const found = isFiltered
    ? table.rows.filter((row) => matches(`${textOf(row)} ${table.keyOf(row)}`, words))
    : table.rows;
  const sort = ui.sorts[id] ?? null;
  const by = sort === null ? undefined : table.columns.find(({ title }) => title === sort.title)?.by;
  const rows = by === undefined ? found : sortedBy(found, by, sort?.isDown === true);
  const total = Math.max(table.total ?? 0, table.rows.length);
  const fitted = (columns: number, shown: readonly Row[]) => fitColumns(table.columns, shown, columns);
  let last: readonly Row[] = rows.slice(0, 1);
  return {
    id,
    title: isFiltered
      ? `${table.title} ${grouped(rows.length)} of ${grouped(table.rows.length)}${total > table.rows.length ? " looked at" : ""}`
      : table.title,
    total: isFiltered ? rows.length : total,
    isPartial: total > table.rows.length,
    keys: rows.map(table.keyOf),
    sortable: table.columns.filter((column) => column.by !== undefined).map(({ title }) => title),
    heading: (columns) => headingOf(look, fitted(columns, last), sort),
    lines(columns, from, count) {
      last = rows.slice(from, from + count);
      const fit = fitted(columns, last);
      return last.map((row) => rowOf(look, fit, row));
    },
  };
}

function sortedBy<Row>(rows: readonly Row[], by: (row: Row) => number | string, isDown: boolean): Row[] {
  const sign = isDown ? -1 : 1;
  return rows.toSorted((left, right) => {
    const a = by(left);
    const b = by(right);
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
    if (typeof a === "string" && typeof b === "string")
      return sign * a.localeCompare(b, undefined, { numeric: true });
    return a < b ? -sign : sign;
  });
}

/** What names a row of GPUs, of workers and of jobs. */
export function gpuKey(gpu: GpuView): string {
  return gpu.uuid;
}

/** See `gpuKey`. */
export function workerKey(worker: WorkerView): string {
  return worker.name;
}

/** See `gpuKey`. */
export function jobKey(job: JobView): string {
  return String(job.id);
}
