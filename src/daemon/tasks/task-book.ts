import { randomUUID } from "node:crypto";
import path from "node:path";
import type { Logger } from "pino";
import type { Context } from "../../operations/context.ts";
import type { SentResult, TaskBook, TaskRecord } from "../../operations/task-book.ts";
import type { Caller } from "../../protocol/operation.ts";
import type { Clock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { giveWay } from "../../std/give-way.ts";
import type { Database } from "../../store/database.ts";
import {
  createTaskTable,
  type NewTask,
  type ResultRow,
  type TaskRow,
  type TaskTable,
} from "../../store/tasks.ts";
import { type RuntimesByType, runtimeFor } from "../../tasks/choose-runtime.ts";
import { destinationOf, type ExpectedFile, expectedFiles } from "../../tasks/job-wishes.ts";
import { mapOf, valueAt } from "../../tasks/json-map.ts";
import { type PlannedTask, planDocument } from "../../tasks/task-document.ts";
import type { QuietWrite } from "../quiet-write.ts";
import { type DeliverySettings, refuseDestination } from "./deliver.ts";
import { createKeeper } from "./keep-result.ts";
import { pruneTasks } from "./prune-tasks.ts";
import { createResultsFolder, folderFor, type ResultsFolder, refuseName } from "./results-folder.ts";
import { type Sweeper, sweepTasks } from "./sweep-tasks.ts";
import { createTaskDriver, type TaskDriver } from "./task-driver.ts";
import { documentOf, recordOf, type TaskDocument } from "./task-record.ts";

/** What the config says of tasks. */
export interface TaskSettings {
  /** The folder of results, absolute. */
  readonly resultsDir: string;
  readonly runtimes: RuntimesByType;
  /** Names of variables that documents may fill in. */
  readonly environment: readonly string[];
  readonly delivery: DeliverySettings;
  /** How long finished tasks and results are kept; null = for ever. */
  readonly keepMs: number | null;
}

interface Parts {
  readonly db: Database;
  /** The same database for reading. */
  readonly reader: Database;
  readonly write: QuietWrite;
  readonly clock: Clock;
  readonly settings: TaskSettings;
  readonly log: Logger;
}

/** The tasks of a daemon, and what moves them on while it runs. */
export interface DrivenTasks extends TaskBook {
  /** Goes on with what an earlier daemon left. */
  start(ctx: Context): void;
  stop(): void;
}

const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Opens the book of tasks; none is moved on before `start`. */
export function createTasks(parts: Parts): DrivenTasks {
  const { db, reader, write, clock, settings } = parts;
  const table = createTaskTable(db, reader);
  const folder = createResultsFolder(settings.resultsDir);
  let ctx: Context | null = null;
  let driver: TaskDriver | null = null;
  let sweeper: Sweeper | null = null;
  const at = (): Context => {
    if (ctx !== null) return ctx;
    throw new Failure("daemon/stopping", "the daemon is not ready yet");
  };
  const record = (task: TaskRow, document = documentOf(table, task.submission)): TaskRecord =>
    recordOf(task, { document, ctx: at(), wait: driver?.waitOf(task.id) });
  return {
    start(given) {
      ctx = given;
      const keeper = createKeeper({
        ctx,
        table,
        write,
        folder,
        root: settings.resultsDir,
        delivery: settings.delivery,
      });
      driver = createTaskDriver({ ...parts, ctx, table, keeper, variables: variablesOf(settings) });
      sweeper = sweepTasks({ ...parts, table, folder, keepMs: settings.keepMs });
    },
    stop() {
      driver?.stop();
      sweeper?.stop();
    },
    async submit(text, caller) {
      const planned = planDocument(text);
      const jobs = planned.map((task) => refuseUnservable(task, at(), settings));
      caller.key?.charge(jobs.reduce((sum, count) => sum + count, 0));
      const tasks = newTasks(planned, caller, clock.nowMs());
      await write(() => table.insert(text, tasks));
      driver?.look(tasks.map(({ id }) => id));
      const document = documentOf(table, tasks[0]?.submission ?? "");
      return document.tasks.map((task) => record(task, document));
    },
    async list(caller, limit, state) {
      const documents = new Map<string, TaskDocument>();
      const records: TaskRecord[] = [];
      for (const task of table.list(uidOf(caller), limit, state ?? null)) {
        const document = documents.get(task.submission) ?? documentOf(table, task.submission);
        documents.set(task.submission, document);
        records.push(record(task, document));
        await giveWay();
      }
      return records;
    },
    find: (id, caller) => record(own(table, id, caller)),
    counts: (caller) => table.counts(uidOf(caller)),
    prune: (asked, caller) => pruneTasks({ table, folder, write }, asked, uidOf(caller)),
    ...results({ table, folder, write, clock }),
  };
}

type Results = Pick<TaskBook, "result" | "keepResult" | "keepFile" | "openFile">;

function results({
  table,
  folder,
  write,
  clock,
}: Pick<Parts, "write" | "clock"> & { table: TaskTable; folder: ResultsFolder }): Results {
  /** Where the files of a task's result are, or are to be. */
  const placeOf = (id: string, caller: Caller): string => {
    const known = table.result(id);
    const task = table.find(id);
    for (const owned of [known, task]) if (owned !== undefined) refuseOther(owned, caller);
    if (known !== undefined) return known.folder;
    const destination = destinationOf(mapOf(task?.document["spec"]));
    return folderFor(id, destination.type === "local" ? destination.path : null);
  };
  const expectedOf = (id: string): ExpectedFile[] => expectedFiles(mapOf(table.find(id)?.document["spec"]));
  const note = (id: string, place: string, caller: Caller): Promise<void> => {
    const uid = table.find(id)?.uid ?? caller.uid;
    return write(() => table.noteResult({ taskId: id, uid, folder: place, receivedAtMs: clock.nowMs() }));
  };
  const kept = (id: string, caller: Caller): ResultRow => {
    const row = TASK_ID.test(id) ? table.result(id) : undefined;
    if (row === undefined || !isOwn(row, caller)) throw unknown("result not found", id);
    return row;
  };
  return {
    async result(id, caller) {
      const stored = await folder.read(kept(id, caller).folder);
      if (stored === null) throw unknown("result not found", id);
      return stored;
    },
    async keepResult(sent: SentResult, caller) {
      const { taskId, workerId, metadata, result } = sent;
      refuseTaskId(taskId);
      const place = placeOf(taskId, caller);
      const received = new Date(clock.nowMs()).toISOString();
      const file = await folder.save(place, {
        ...{ task_id: taskId, worker_id: workerId, metadata, received_at: received, result },
      });
      await folder.writeManifest(place, expectedOf(taskId));
      await note(taskId, place, caller);
      return file;
    },
    async keepFile(id, name, bytes, caller) {
      refuseTaskId(id);
      refuseName(name);
      const place = placeOf(id, caller);
      const file = await folder.add(place, "artifacts", name, bytes);
      await folder.writeManifest(place, expectedOf(id));
      if (table.result(id) === undefined) await note(id, place, caller);
      return file;
    },
    async openFile(id, name, caller) {
      refuseName(name);
      const row = TASK_ID.test(id) ? table.result(id) : undefined;
      if (row === undefined || !isOwn(row, caller)) throw unknown("artifact not found", id);
      return folder.open(row.folder, name);
    },
  };
}

/** Refuses what could never run; gives how many jobs it comes to, as far as that is known before its turn. */
function refuseUnservable({ type, document }: PlannedTask, ctx: Context, settings: TaskSettings): number {
  const spec = mapOf(document["spec"]);
  runtimeFor(type, spec, settings.runtimes, ctx.runtimes);
  const destination = destinationOf(spec);
  // What an earlier task comes to may be part of it: it is looked at again when that is known.
  if (!JSON.stringify(destination).includes("${")) {
    refuseDestination(destination, settings.delivery);
    folderFor("task", destination.type === "local" ? destination.path : null);
  }
  const items = valueAt(spec, "data.items");
  return type === "inference" && Array.isArray(items) ? Math.max(1, items.length) : 1;
}

function newTasks(planned: readonly PlannedTask[], caller: Caller, submittedAtMs: number): NewTask[] {
  const submission = randomUUID();
  const ids = new Map(planned.map(({ node }) => [node, randomUUID()]));
  const { uid, user, key } = caller;
  const grant = key === undefined ? null : { id: key.id, runtimes: key.runtimes };
  return planned.map(({ name, node, type, document, after }) => ({
    ...{ id: ids.get(node) ?? randomUUID(), submission, name, node, type, document },
    after: after.map((each) => ids.get(each) ?? ""),
    ...{ uid, user, grant, correlation: caller.correlation ?? null, submittedAtMs },
  }));
}

function own(table: TaskTable, id: string, caller: Caller): TaskRow {
  const task = table.find(id);
  if (task === undefined) throw unknown("task not found", id);
  refuseOther(task, caller);
  return task;
}

function uidOf(caller: Caller): number | null {
  return caller.isAdmin === true ? null : caller.uid;
}

function isOwn({ uid }: { readonly uid: number }, caller: Caller): boolean {
  return caller.isAdmin === true || caller.uid === uid;
}

function refuseOther(owned: { readonly uid: number }, caller: Caller): void {
  if (!isOwn(owned, caller)) throw new Failure("permission/denied", "the task is another user's");
}

function refuseTaskId(id: string): void {
  if (!TASK_ID.test(id) || id.includes(".."))
    throw new Failure("task/invalid", "Invalid field task_id: expected letters, digits, . _ and -");
}

function unknown(message: string, id: string): Failure {
  return new Failure("task/unknown", message, {
    why: `there is none of ${id.slice(0, 100)}`,
    hint: "orch get lists the tasks",
  });
}

function variablesOf({ environment }: TaskSettings): Record<string, string> {
  return Object.fromEntries(
    environment.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? ""]])),
  );
}

/** The folder of results that holds unless the config names one. */
export function usualResultsDir(stateDir: string): string {
  return path.join(stateDir, "results");
}
