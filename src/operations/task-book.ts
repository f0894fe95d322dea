import type { Readable } from "node:stream";
import type { Caller } from "../protocol/operation.ts";
import type { Json } from "../std/json.ts";
import type { TaskCount, TaskRow } from "../store/tasks.ts";

/** How a task stands, as its clients know it. */
export type TaskStatus = "waiting" | "pending" | "dispatched" | "done" | "failed";

/** A task with what follows from its jobs and from the others of its document. */
export interface TaskRecord extends Omit<TaskRow, "state"> {
  readonly status: TaskStatus;
  /** Of `after`, those that are not done. */
  readonly waitingOn: readonly string[];
  /** Ids of the tasks that wait for it. */
  readonly dependents: readonly string[];
  /** What was submitted, as it came. */
  readonly text: string;
}

/** What is stored of a finished task, or was sent in for one. */
export interface StoredResult {
  readonly task_id: string;
  readonly worker_id: string | null;
  readonly metadata: Json;
  /** RFC 3339. */
  readonly received_at: string;
  readonly result: Json;
}

/** A result that is sent in. */
export interface SentResult {
  readonly taskId: string;
  readonly workerId: string | null;
  readonly metadata: Json;
  readonly result: Json;
}

/** Which tasks are to be removed: of a document all or none. */
export interface AskedToPrune {
  /** Those of documents whose last task ended before then, and results that were sent in before then. */
  readonly beforeMs: number;
  /** Documents of which every task is done, or one failed; null = either. */
  readonly state: "done" | "failed" | null;
  /** Nothing is removed. */
  readonly dryRun: boolean;
}

/** What was removed, or would be. */
export interface PrunedTasks {
  readonly tasks: number;
  readonly results: number;
  /** That the results take on disk. */
  readonly bytes: number;
  /** The same request removes more. */
  readonly more: boolean;
}

/** Tasks of documents: what `POST /tasks` takes. They survive a restart of the daemon. */
export interface TaskBook {
  /**
   * Takes in a document; resolves once its tasks are on disk, in the order of the document.
   * @throws Failure task/invalid, runtime/unknown, runtime/invalid, permission/denied, quota/refused
   */
  submit(text: string, caller: Caller): Promise<readonly TaskRecord[]>;
  /** The caller's, or everybody's for an admin; the newest first. `state`: only such as ended so. */
  list(caller: Caller, limit: number, state?: "done" | "failed"): Promise<TaskRecord[]>;
  /** @throws Failure task/unknown, permission/denied */
  find(id: string, caller: Caller): TaskRecord;
  counts(caller: Caller): readonly TaskCount[];
  /** Removes the caller's tasks, or everybody's for an admin, that are over and old. @throws Failure state/unwritable */
  prune(asked: AskedToPrune, caller: Caller): Promise<PrunedTasks>;
  /** @throws Failure task/unknown */
  result(id: string, caller: Caller): Promise<StoredResult>;
  /** Keeps a result; gives the path of its file. @throws Failure task/invalid, permission/denied */
  keepResult(sent: SentResult, caller: Caller): Promise<string>;
  /** Keeps a file with a result; gives its path. @throws Failure task/invalid (its name), request/too-large */
  keepFile(id: string, name: string, bytes: Readable, caller: Caller): Promise<string>;
  /** @throws Failure task/invalid (its name), task/unknown */
  openFile(id: string, name: string, caller: Caller): Promise<{ stream: Readable; bytes: number }>;
}
