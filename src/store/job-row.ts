import type { Terminal } from "../scheduler/events.ts";
import type { Json } from "../std/json.ts";

/** A job as stored: what views are made from. */
export interface JobRow {
  readonly id: number;
  readonly runtime: string;
  readonly lane: string;
  readonly state: "held" | "queued" | "starting" | "running" | "succeeded" | "failed" | "cancelled";
  readonly priority: number;
  readonly retries: number;
  readonly timeLimitMs: number | null;
  readonly attempts: number;
  readonly workerId: number | null;
  readonly workerName: string | null;
  readonly submittedAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly exitCode: number | null;
  readonly reasonCode: string | null;
  readonly reasonText: string | null;
  readonly after: readonly number[];
  readonly params: Readonly<Record<string, Json>>;
  readonly command: readonly string[] | null;
  readonly cwd: string | null;
  readonly summary: string;
  readonly label: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly user: string;
  readonly retryOf: number | null;
  readonly arrayId: number | null;
  readonly arrayIndex: number | null;
  readonly scheduleId: number | null;
  /** The caller's; null = one of its own, which follows from its id. */
  readonly correlation: string | null;
  /** What a command runs instead once it has been preempted. */
  readonly resumeCommand: readonly string[] | null;
  readonly terminal: Terminal | null;
  readonly preemptible: number;
  readonly output: Json;
  readonly artifacts: Json;
}

type JsonColumn =
  | "after"
  | "params"
  | "labels"
  | "command"
  | "resumeCommand"
  | "terminal"
  | "output"
  | "artifacts";
/** A job as SQLite gives it. */
export type RawJob = Omit<JobRow, JsonColumn> & Record<JsonColumn, string | null>;

/** What is selected for a `RawJob`; the job is `j`. */
export const JOB_COLUMNS = `j.id, j.runtime, j.lane, j.state, j.priority, j.retries, j.time_limit_ms AS timeLimitMs, j.attempts,
  j.worker_id AS workerId, w.name AS workerName, j.submitted_at AS submittedAtMs, j.started_at AS startedAtMs,
  j.finished_at AS finishedAtMs, j.exit_code AS exitCode, j.reason_code AS reasonCode, j.reason_text AS reasonText,
  j.after, j.params, j.command, j.cwd, j.summary, j.label, j.uid, j.user, j.retry_of AS retryOf, j.array_id AS arrayId, j.array_index AS arrayIndex, j.schedule_id AS scheduleId,
  j.resume_command AS resumeCommand, j.terminal, j.preemptible, j.correlation, j.output, j.artifacts,
  (SELECT s.labels FROM label_sets s WHERE s.id = j.label_set) AS labels
  FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id`;

/** A row as SQLite has it, with its JSON read. */
export function toJob(row: RawJob | undefined): JobRow | undefined {
  if (!row) return undefined;
  return {
    ...row,
    after: row.after === null ? [] : (JSON.parse(row.after) as number[]),
    params: JSON.parse(row.params ?? "{}") as Record<string, Json>,
    labels: JSON.parse(row.labels ?? "{}") as Record<string, string>,
    command: row.command === null ? null : (JSON.parse(row.command) as string[]),
    resumeCommand: row.resumeCommand === null ? null : (JSON.parse(row.resumeCommand) as string[]),
    terminal: row.terminal === null ? null : (JSON.parse(row.terminal) as Terminal),
    output: row.output === null ? null : (JSON.parse(row.output) as Json),
    artifacts: row.artifacts === null ? null : (JSON.parse(row.artifacts) as Json),
  };
}
