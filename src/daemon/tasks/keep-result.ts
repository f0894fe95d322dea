import path from "node:path";
import type { Context } from "../../operations/context.ts";
import { logs } from "../../operations/logs.ts";
import type { StoredResult } from "../../operations/task-book.ts";
import type { LogLine } from "../../protocol/log-views.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { JobRow } from "../../store/queries.ts";
import type { TaskRow, TaskTable } from "../../store/tasks.ts";
import { destinationOf, expectedFiles } from "../../tasks/job-wishes.ts";
import { isMap, type JsonMap } from "../../tasks/json-map.ts";
import { jsonlExport } from "../../tasks/jsonl-export.ts";
import type { QuietWrite } from "../quiet-write.ts";
import { type DeliverySettings, deliver, isOwn, refuseDestination } from "./deliver.ts";
import { bytesOf, folderFor, type ResultsFolder } from "./results-folder.ts";

/** What became of a task. */
interface Outcome {
  readonly spec: JsonMap;
  readonly result: Json;
  readonly jobs: readonly JobRow[];
  readonly worker: string | null;
}

/** Keeps results with their files, and sends them where they are wanted. */
export interface Keeper {
  /** @throws Failure task/invalid, state/unwritable, service/failed */
  keep(task: TaskRow, outcome: Outcome, signal: AbortSignal): Promise<void>;
  /** Null = there is none. */
  read(taskId: string): Promise<StoredResult | null>;
  /** The output of a job that succeeded, wherever it is. */
  outputOf(job: JobRow): Promise<Json>;
}

export interface KeeperParts {
  readonly ctx: Context;
  readonly table: TaskTable;
  readonly write: QuietWrite;
  readonly folder: ResultsFolder;
  /** The folder of all results, absolute. */
  readonly root: string;
  readonly delivery: DeliverySettings;
}

/** Of the log of one job; the rest stays with the job. */
const MOST_LOG_BYTES = 4 * 2 ** 20;
/** Jobs of a task whose logs are copied: one for each prompt would be thousands. */
const MOST_LOGS = 32;
const OUTPUT_FILE = "output.json";

/** Nothing is kept in memory. */
export function createKeeper(parts: KeeperParts): Keeper {
  const { ctx, table, write, folder, root, delivery } = parts;
  return {
    async read(taskId) {
      const row = table.result(taskId);
      return row === undefined ? null : folder.read(row.folder);
    },
    async outputOf(job) {
      if (job.output !== null || !artifactsOf(job).includes(OUTPUT_FILE)) return job.output;
      const chunks: Uint8Array[] = [];
      for await (const chunk of bytesOf(path.join(ctx.places.jobOutputDir(job.id), OUTPUT_FILE)))
        chunks.push(chunk);
      return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Json;
    },
    keep: (task, outcome, signal) => told(root, () => keep(task, outcome, signal)),
  };
  async function keep(task: TaskRow, outcome: Outcome, signal: AbortSignal): Promise<void> {
    const { spec, jobs, worker } = outcome;
    const destination = destinationOf(spec);
    refuseDestination(destination, delivery);
    const place = folderFor(task.id, destination.type === "local" ? destination.path : null);
    await copyFiles(parts, place, jobs);
    await copyLogs(parts, place, jobs.slice(0, MOST_LOGS), task, signal);
    const result = await withExport(folder, place, task, spec, outcome.result);
    const receivedAtMs = ctx.clock.nowMs();
    await folder.save(place, {
      ...{ task_id: task.id, worker_id: worker, metadata: { task_type: task.type, name: task.name } },
      ...{ received_at: new Date(receivedAtMs).toISOString(), result },
    });
    await folder.writeManifest(place, expectedFiles(spec));
    await write(() => table.noteResult({ taskId: task.id, uid: task.uid, folder: place, receivedAtMs }));
    if (destination.type === "local" || isOwn(destination.url, delivery)) return;
    const names = await folder.artifacts(place);
    const files = names.map((name) => path.join(root, place, "artifacts", name));
    await deliver(destination, { taskId: task.id, workerId: worker, result, files }, signal);
  }
}

/** What a disk says, as a failure: one that is full passes. @throws Failure store/full, state/unwritable and others */
async function told(root: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const isFull = errno === "ENOSPC" || errno === "EDQUOT";
    throw new Failure(isFull ? "store/full" : "state/unwritable", `${root} cannot be written`, {
      why: errno,
    });
  }
}

function artifactsOf({ artifacts }: JobRow): string[] {
  return Array.isArray(artifacts)
    ? (artifacts as readonly { readonly name: string }[]).map(({ name }) => name)
    : [];
}

/** What the jobs left; of several jobs each name begins with the number of its part. */
async function copyFiles(
  { ctx, folder }: KeeperParts,
  place: string,
  jobs: readonly JobRow[],
): Promise<void> {
  for (const [index, job] of jobs.entries())
    for (const name of artifactsOf(job)) {
      const plain = name.replaceAll(/[/\\]/g, "_").replace(/^\.+/, "");
      const source = path.join(ctx.places.jobOutputDir(job.id), name);
      await folder.add(place, "artifacts", jobs.length === 1 ? plain : `${index}-${plain}`, bytesOf(source));
    }
}

async function copyLogs(
  { ctx, folder }: KeeperParts,
  place: string,
  jobs: readonly JobRow[],
  { uid, user }: TaskRow,
  signal: AbortSignal,
): Promise<void> {
  const caller = { uid, user, pid: 0 };
  for (const { id } of jobs) {
    const lines = logs.run(ctx, { job: id, ...plainLog }, caller, signal) as AsyncIterable<LogLine>;
    await folder.add(place, "logs", `job-${id}.log`, textOf(lines));
  }
}

const plainLog = { follow: false, ignoreCase: false, invert: false, lines: false, resume: [] };

/** Secrets are masked in it, as in every log. */
async function* textOf(lines: AsyncIterable<LogLine>): AsyncIterable<Uint8Array> {
  let left = MOST_LOG_BYTES;
  for await (const { text } of lines) {
    const bytes = Buffer.from(text).subarray(0, left);
    left -= bytes.length;
    yield bytes;
    if (left <= 0) return;
  }
}

async function withExport(
  folder: ResultsFolder,
  place: string,
  task: TaskRow,
  spec: JsonMap,
  result: Json,
): Promise<Json> {
  const made = jsonlExport(spec, result);
  if (made === null || !isMap(result)) return result;
  const file = await folder.add(place, "artifacts", made.name, one(made.text));
  const url = `/api/v1/results/${task.id}/files/${encodeURIComponent(made.name)}`;
  return { ...result, jsonl_export: { path: file, url } };
}

async function* one(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
