import type { Json } from "../std/json.ts";
import { type Database, translate } from "./database.ts";

export type TaskState = "waiting" | "pending" | "dispatched" | "done" | "failed";

/** What the key allows with which a task was submitted. */
export interface TaskGrant {
  readonly id: string;
  readonly runtimes: readonly string[] | null;
}

/** A task as it was submitted. */
export interface NewTask {
  readonly id: string;
  readonly submission: string;
  readonly name: string;
  /** The stage or node of its document; null = the document is one task. */
  readonly node: string | null;
  readonly type: string;
  readonly document: Readonly<Record<string, Json>>;
  /** Ids of the tasks it waits for. */
  readonly after: readonly string[];
  readonly uid: number;
  readonly user: string;
  /** Null = it came over the socket. */
  readonly grant: TaskGrant | null;
  readonly correlation: string | null;
  readonly submittedAtMs: number;
}

/** How a task stands. */
export interface TaskProgress {
  readonly state: TaskState;
  readonly jobs: readonly number[];
  readonly worker: string | null;
  readonly attempts: number;
  readonly error: string | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
}

export interface TaskRow extends NewTask, TaskProgress {
  readonly seq: number;
}

export interface ResultRow {
  readonly taskId: string;
  readonly uid: number;
  /** Below the folder of results. */
  readonly folder: string;
  readonly receivedAtMs: number;
}

/** How many tasks of a user ended how, and how long they took. */
export interface TaskCount {
  readonly type: string;
  readonly state: TaskState;
  readonly tasks: number;
  readonly requeued: number;
  readonly seconds: number;
  readonly leastSeconds: number | null;
  readonly mostSeconds: number | null;
}

/** What was over before a time. */
export interface OldTasks {
  readonly beforeMs: number;
  /** Documents of which every task is done, or one failed; null = either. */
  readonly state: "done" | "failed" | null;
  /** Null = of everybody. */
  readonly uid: number | null;
  /** Of documents, and of results that were sent in. */
  readonly limit: number;
}

/** A document whose tasks all ended, with their results. */
export interface EndedDocument {
  readonly submission: string;
  readonly tasks: number;
  readonly results: readonly ResultRow[];
}

export interface EndedTasks {
  readonly documents: readonly EndedDocument[];
  /** Results that were sent in for no task. */
  readonly sentIn: readonly ResultRow[];
}

/** Tasks of an open database. Each change is a transaction of its own: not to be made while another is open. */
export interface TaskTable {
  /** All of them or none. */
  insert(text: string, tasks: readonly NewTask[]): void;
  update(id: string, progress: TaskProgress): void;
  live(): TaskRow[];
  find(id: string): TaskRow | undefined;
  /** The newest first; null = of everybody, in any state. */
  list(uid: number | null, limit: number, state: TaskState | null): TaskRow[];
  ofSubmission(submission: string): TaskRow[];
  /** What was submitted, as it came. */
  text(submission: string): string;
  counts(uid: number | null): TaskCount[];
  noteResult(row: ResultRow): void;
  result(taskId: string): ResultRow | undefined;
  /** What is over and old. */
  endedBefore(asked: OldTasks): EndedTasks;
  /** Forgets documents with their tasks, and results. */
  forget(submissions: readonly string[], results: readonly string[]): void;
}

type RawTask = Omit<TaskRow, "document" | "after" | "grant" | "jobs"> &
  Readonly<Record<"document" | "after" | "jobs", string>> & { readonly grant: string | null };

const COLUMNS = `seq, id, submission, name, node, type, document, after, uid, user, grant_of_key AS "grant", correlation,
  state, jobs, worker, attempts, error, submitted_at AS submittedAtMs, started_at AS startedAtMs,
  finished_at AS finishedAtMs FROM tasks`;

/** @param reader the same database, for reading what is committed */
export function createTaskTable(db: Database, reader: Database): TaskTable {
  const insertText = db.prepare("INSERT INTO task_documents (id, text) VALUES (?, ?)");
  const insertTask = db.prepare(
    `INSERT INTO tasks (id, submission, name, node, type, document, after, uid, user, grant_of_key, correlation, state,
       submitted_at)
     VALUES (:id, :submission, :name, :node, :type, :document, :after, :uid, :user, :grant, :correlation, :state,
       :submittedAtMs)`,
  );
  const insert = db.transaction((text: string, tasks: readonly NewTask[]) => {
    const [first] = tasks;
    if (first === undefined) return;
    insertText.run(first.submission, text);
    for (const task of tasks) insertTask.run(toRow(task));
  });
  const update = db.prepare(
    `UPDATE tasks SET state = :state, jobs = :jobs, worker = :worker, attempts = :attempts, error = :error,
       started_at = :startedAtMs, finished_at = :finishedAtMs WHERE id = :id`,
  );
  const noteResult = db.prepare(
    `INSERT INTO task_results (task_id, uid, folder, received_at) VALUES (:taskId, :uid, :folder, :receivedAtMs)
     ON CONFLICT (task_id) DO UPDATE SET received_at = :receivedAtMs`,
  );
  const dropTasks = db.prepare("DELETE FROM tasks WHERE submission = ?");
  const dropText = db.prepare("DELETE FROM task_documents WHERE id = ?");
  const dropResult = db.prepare("DELETE FROM task_results WHERE task_id = ?");
  const forget = db.transaction((submissions: readonly string[], results: readonly string[]) => {
    for (const id of results) dropResult.run(id);
    for (const id of submissions) {
      dropTasks.run(id);
      dropText.run(id);
    }
  });
  return {
    forget: (submissions, results) => translate(db.name, () => void forget(submissions, results)),
    insert: (text, tasks) => translate(db.name, () => void insert(text, tasks)),
    update: (id, { jobs, ...progress }) =>
      translate(db.name, () => void update.run({ id, ...progress, jobs: JSON.stringify(jobs) })),
    noteResult: (row) => translate(db.name, () => void noteResult.run(row)),
    ...createReads(reader),
  };
}

type Reads = Omit<TaskTable, "insert" | "update" | "noteResult" | "forget">;

function createReads(reader: Database): Reads {
  const live = reader.prepare(`SELECT ${COLUMNS} WHERE finished_at IS NULL ORDER BY seq`);
  const find = reader.prepare(`SELECT ${COLUMNS} WHERE id = ?`);
  const list = reader.prepare(
    `SELECT ${COLUMNS} WHERE (:uid IS NULL OR uid = :uid) AND (:state IS NULL OR state = :state)
     ORDER BY seq DESC LIMIT :limit`,
  );
  const ofSubmission = reader.prepare(`SELECT ${COLUMNS} WHERE submission = ? ORDER BY seq`);
  const text = reader.prepare("SELECT text FROM task_documents WHERE id = ?").pluck();
  const result = reader.prepare(
    "SELECT task_id AS taskId, uid, folder, received_at AS receivedAtMs FROM task_results WHERE task_id = ?",
  );
  const over = reader.prepare(
    `SELECT d.id AS submission, COUNT(*) AS tasks FROM task_documents d JOIN tasks t ON t.submission = d.id
       WHERE :uid IS NULL OR t.uid = :uid GROUP BY d.id
       HAVING COUNT(*) = SUM(t.finished_at IS NOT NULL AND t.finished_at < :beforeMs)
         AND (:state IS NULL OR (:state = 'failed') = (SUM(t.state = 'failed') > 0)) LIMIT :limit`,
  );
  const resultsOf = reader.prepare(
    `SELECT r.task_id AS taskId, r.uid, r.folder, r.received_at AS receivedAtMs
     FROM tasks t JOIN task_results r ON r.task_id = t.id WHERE t.submission = ?`,
  );
  const sentIn = reader.prepare(
    `SELECT task_id AS taskId, uid, folder, received_at AS receivedAtMs FROM task_results
     WHERE received_at < :beforeMs AND (:uid IS NULL OR uid = :uid) AND task_id NOT IN (SELECT id FROM tasks) LIMIT :limit`,
  );
  const took = "(finished_at - started_at) / 1000.0";
  const counts = reader.prepare(
    `SELECT type, state, COUNT(*) AS tasks, SUM(MAX(attempts - 1, 0)) AS requeued, COALESCE(SUM(${took}), 0) AS seconds,
       MIN(${took}) AS leastSeconds, MAX(${took}) AS mostSeconds
     FROM tasks WHERE :uid IS NULL OR uid = :uid GROUP BY type, state`,
  );
  return {
    live: () => (live.all() as RawTask[]).map(toTask),
    find(id) {
      const raw = find.get(id) as RawTask | undefined;
      return raw === undefined ? undefined : toTask(raw);
    },
    list: (uid, limit, state) => (list.all({ uid, limit, state }) as RawTask[]).map(toTask),
    ofSubmission: (submission) => (ofSubmission.all(submission) as RawTask[]).map(toTask),
    text: (submission) => (text.get(submission) as string | undefined) ?? "",
    counts: (uid) => counts.all({ uid }) as TaskCount[],
    endedBefore({ beforeMs, state, uid, limit }) {
      const found = over.all({ beforeMs, state, uid, limit }) as { submission: string; tasks: number }[];
      return {
        documents: found.map((each) => ({ ...each, results: resultsOf.all(each.submission) as ResultRow[] })),
        sentIn: state === "failed" ? [] : (sentIn.all({ beforeMs, uid, limit }) as ResultRow[]),
      };
    },
    result: (taskId) => result.get(taskId) as ResultRow | undefined,
  };
}

function toRow({ document, after, grant, ...plain }: NewTask) {
  return {
    ...plain,
    state: after.length === 0 ? "pending" : "waiting",
    document: JSON.stringify(document),
    after: JSON.stringify(after),
    grant: grant === null ? null : JSON.stringify(grant),
  };
}

function toTask({ document, after, grant, jobs, ...plain }: RawTask): TaskRow {
  return {
    ...plain,
    document: JSON.parse(document) as TaskRow["document"],
    after: JSON.parse(after) as string[],
    grant: grant === null ? null : (JSON.parse(grant) as TaskGrant),
    jobs: JSON.parse(jobs) as number[],
  };
}
