import { createHash } from "node:crypto";
import type { Payload, SubmissionKey } from "../scheduler/events.ts";
import type { Job, JobPhase } from "../scheduler/job-model.ts";
import type { Worker } from "../scheduler/model.ts";
import { rowOfExtras, rowOfHold } from "../scheduler/rows.ts";
import { rowOfTerms } from "../scheduler/terms.ts";
import type { Changes, JobEnd, LogEntry } from "../scheduler/transition.ts";
import { KEY_LIFE_MS } from "./array-queries.ts";
import { type Database, translate } from "./database.ts";
import { type KnownLabels, labelSetId } from "./label-sets.ts";
import { prepareStatements, type Statements } from "./statements.ts";
import { writeTimetable } from "./timetable.ts";
import { createTransaction } from "./transaction.ts";
import { writeLeases } from "./write-leases.ts";
import { createPastWriter } from "./write-past.ts";

/** Makes what one step changed, or several, durable in one transaction. */
export interface Journal {
  /** Opens the transaction. @throws Failure store/busy, at once, while another program writes; and others */
  begin(): void;
  /** From `begin` to `commit` or `undo`, also if SQLite itself has rolled back meanwhile. */
  isOpen(): boolean;
  /** The transaction becomes a large one: its log is copied into the database beside the event loop, not within `commit`. */
  expectMuch(): void;
  /**
   * Writes what a step changed into the open transaction. Returns the sequence numbers of its log lines, in order.
   * @throws Failure store/full and others; `undo` is to be called then.
   */
  write(changes: Changes): readonly number[];
  /** Writes out what the open transaction holds, giving way to the event loop, so that `commit` is short. */
  flush(): Promise<void>;
  /** Makes it durable. @throws Failure as `write` */
  commit(): void;
  /** Nothing of the open transaction is on disk. Does nothing where none is open. */
  undo(): void;
}

/**
 * The journal of an open database.
 * @param energyOf joules that the GPUs took for a job until now, as far as they were measured; kept with its end
 */
export function createJournal(
  db: Database,
  energyOf: (jobId: number) => number | null = () => null,
): Journal {
  const sql = prepareStatements(db);
  const past = createPastWriter(db, energyOf);
  const known: KnownIds = { environments: new Map(), accountSets: new Map(), labels: null };
  const write = (changes: Changes): number[] => {
    const counts = new Map<string, number>();
    for (const lane of changes.lanes)
      sql.putLane.run(
        lane.spec.key,
        JSON.stringify(lane.spec),
        JSON.stringify(lane.learned),
        JSON.stringify(lane.arrivals),
      );
    for (const { key, usageMs, usageAtMs } of changes.accounts)
      sql.putAccount.run(key, usageMs, Math.ceil(usageAtMs));
    for (const { key, run } of changes.runGroups) sql.putRunGroup.run(key, JSON.stringify(run));
    for (const { id, maxActive } of changes.newArrays) sql.insertArray.run(id, maxActive);
    for (const { uuid, index, totalBytes, vendor, parent, quarantine } of changes.gpus) {
      const kept = quarantine === null ? null : JSON.stringify(quarantine);
      sql.putGpu.run(uuid, index, totalBytes, vendor, parent, kept);
    }
    for (const gone of changes.workersGone) writeGone(sql, gone);
    for (const { lease, atMs } of changes.leasesReleased)
      sql.releaseLease.run(atMs, lease.worker.id, lease.gpu.uuid);
    for (const worker of changes.workers) writeWorker(sql, worker);
    writeLeases(sql, changes);
    for (const { workerId, identity } of changes.identities)
      sql.setIdentity.run(JSON.stringify(identity), workerId);
    for (const { workerId, endpoint, atMs } of changes.endpoints)
      sql.setEndpoint.run(endpoint, atMs, workerId);
    writeTimetable(sql, changes);
    writeJobs(sql, changes, counts, known);
    if (past.write(changes, counts)) {
      known.environments.clear();
      known.labels = null;
    }
    for (const [state, change] of counts) if (change !== 0) sql.count.run(state, change);
    return changes.log.map((entry) => writeLog(sql, entry));
  };
  const transaction = createTransaction(db);
  return {
    ...transaction,
    write: (changes) => (isEmpty(changes) ? [] : translate(db.name, () => write(changes))),
    undo() {
      known.environments.clear(); // Ids learned in a transaction that was rolled back do not exist.
      known.accountSets.clear();
      known.labels = null;
      transaction.undo();
    },
  };
}

/** Rows that many jobs share, by their content. */
interface KnownIds extends KnownLabels {
  readonly environments: Map<string, number>;
  readonly accountSets: Map<string, number>;
}

function isEmpty(changes: Changes): boolean {
  return Object.values(changes).every((part: readonly unknown[] | ReadonlySet<unknown>) =>
    part instanceof Set ? part.size === 0 : (part as readonly unknown[]).length === 0,
  );
}

function writeJobs(sql: Statements, changes: Changes, counts: Map<string, number>, known: KnownIds): void {
  const add = (state: string, change: number): void =>
    void counts.set(state, (counts.get(state) ?? 0) + change);
  const fresh = new Set<Job>();
  for (const entry of changes.newJobs) {
    fresh.add(entry.job);
    insertJob(sql, entry, known);
    add(liveState(entry.job.phase), 1);
  }
  // Ends first: an attempt that came to nothing leaves its number to one that starts in the same step.
  for (const { jobId, attempt, outcome, exitCode, atMs } of changes.attemptsEnded) {
    if (outcome === "not-started") sql.dropAttempt.run(jobId, attempt);
    else sql.endAttempt.run(atMs, outcome, exitCode, jobId, attempt);
  }
  for (const { jobId, attempt, worker, atMs } of changes.attemptsStarted) {
    sql.startAttempt.run(jobId, attempt, worker.id, worker.fence, atMs);
  }
  for (const job of changes.jobs) {
    if (fresh.has(job)) continue;
    const before = sql.stateOf.pluck().get(job.id) as string;
    updateJob(sql, job);
    add(before, -1);
    add(liveState(job.phase), 1);
  }
  for (const end of changes.ended) {
    const before = sql.stateOf.pluck().get(end.job.id) as string;
    endJob(sql, end);
    pruneArray(sql, end.job);
    add(before, -1);
    add(end.state, 1);
  }
}

function liveState(phase: JobPhase): string {
  return phase.state;
}

function insertJob(sql: Statements, entry: Changes["newJobs"][number], known: KnownIds): void {
  const { job, payload, after } = entry;
  const { spec } = job.lane;
  const terms = rowOfTerms(job.terms);
  sql.insertJob.run({
    id: job.id,
    runtime: spec.runtime,
    lane: spec.key,
    retryDelayMs: terms.retryDelayMs,
    accountSet: accountSetId(sql, terms.accounts, known),
    preemptible: terms.preemptible ? 1 : 0,
    estimateKey: terms.estimateKey,
    arrayId: entry.arrayId,
    arrayIndex: payload.arrayIndex,
    scheduleId: entry.scheduleId,
    submittedAt: job.submittedAtMs,
    after: after.length === 0 ? null : JSON.stringify(after),
    params: JSON.stringify(payload.params),
    command: payload.command === null ? null : JSON.stringify(payload.command),
    cwd: payload.cwd,
    environmentId: payload.env === null ? null : environmentId(sql, payload.env, known.environments),
    summary: payload.summary,
    label: payload.label,
    labelSet: labelSetId(sql, payload.labels ?? {}, known),
    uid: payload.uid,
    user: payload.user,
    retryOf: payload.retryOf,
    correlation: payload.correlation ?? null,
    resumeCommand: payload.resumeCommand == null ? null : JSON.stringify(payload.resumeCommand),
    terminal: payload.terminal == null ? null : JSON.stringify(payload.terminal),
    ...changingColumns(job),
  });
  if (payload.submissionKey !== undefined) writeKey(sql, job, payload.uid, payload.submissionKey);
  const { webhook, webhookOfMany } = payload;
  if (webhook !== undefined) writeWebhook(sql, job, { ...webhook, jobs: 0 });
  if (webhookOfMany !== undefined) writeWebhook(sql, job, webhookOfMany);
}

function writeWebhook(
  sql: Statements,
  { id }: Job,
  { jobs, url, events, base }: NonNullable<Payload["webhookOfMany"]>,
): void {
  sql.insertWebhook.run(id, jobs, url, JSON.stringify(events), base);
}

function writeKey(sql: Statements, job: Job, uid: number, { key, digest, jobs }: SubmissionKey): void {
  sql.forgetKeys.run(job.submittedAtMs - KEY_LIFE_MS);
  sql.insertKey.run(uid, key, digest, job.id, jobs, job.submittedAtMs);
}

/** Environments repeat from job to job: each distinct one is stored once. */
function environmentId(
  sql: Statements,
  env: Readonly<Record<string, string>>,
  known: Map<string, number>,
): number {
  const variables = JSON.stringify(env);
  const digest = createHash("sha256").update(variables).digest("base64");
  const cached = known.get(digest);
  if (cached !== undefined) return cached;
  sql.putEnvironment.run(digest, variables);
  const id = sql.environmentOf.pluck().get(digest) as number;
  known.set(digest, id);
  return id;
}

function accountSetId(sql: Statements, accounts: readonly string[], { accountSets }: KnownIds): number {
  const keys = JSON.stringify(accounts);
  const cached = accountSets.get(keys);
  if (cached !== undefined) return cached;
  sql.putAccountSet.run(keys);
  const id = sql.accountSetOf.pluck().get(keys) as number;
  accountSets.set(keys, id);
  return id;
}

function updateJob(sql: Statements, job: Job): void {
  sql.updateJob.run({ id: job.id, ...changingColumns(job) });
}

function changingColumns(job: Job) {
  const { phase, terms } = job;
  const isPlaced = phase.state === "starting" || phase.state === "running";
  return {
    priority: terms.priority,
    retries: terms.retries,
    timeLimitMs: terms.timeLimitMs,
    state: phase.state,
    attempts: job.attempts,
    workerId: isPlaced ? phase.worker.id : null,
    startedAt: phase.state === "running" ? phase.startedAtMs : null,
    ending: phase.state === "running" && phase.ending !== null ? JSON.stringify(phase.ending) : null,
    hold: phase.state === "held" ? JSON.stringify(rowOfHold(phase)) : null,
    extras: job.extras === null ? null : JSON.stringify(rowOfExtras(job)),
  };
}

function endJob(sql: Statements, end: JobEnd): void {
  sql.endJob.run({
    id: end.job.id,
    state: end.state,
    attempts: end.job.attempts,
    finishedAt: end.atMs,
    exitCode: end.exitCode,
    reasonCode: end.reason?.code ?? null,
    reasonText: end.reason?.text ?? null,
    output: end.output === null ? null : JSON.stringify(end.output),
    artifacts: end.artifacts === null ? null : JSON.stringify(end.artifacts),
  });
}

/** An array's limit is of no use after its last job. Members held for other reasons are in neither set, so the rows decide. */
function pruneArray(sql: Statements, { extras }: Job): void {
  const array = extras?.array ?? null;
  if (array !== null && array.active.size === 0 && array.waiting.size === 0)
    sql.pruneArray.run({ id: array.id });
}

function writeWorker(sql: Statements, worker: Worker): void {
  sql.putWorker.run({
    id: worker.id,
    name: worker.name,
    lane: worker.lane.spec.key,
    runtime: worker.lane.spec.runtime,
    fence: worker.fence,
    state: worker.phase.state,
    phase: JSON.stringify(worker.phase),
    pinned: worker.pinned ? 1 : 0,
    backfillUntil: worker.backfillUntilMs,
    createdAt: worker.createdAtMs,
  });
}

function writeGone(sql: Statements, gone: Changes["workersGone"][number]): void {
  writeWorker(sql, gone.worker);
  sql.endWorker.run(gone.state, gone.atMs, gone.exitCode, gone.detail, gone.worker.id);
}

function writeLog(sql: Statements, entry: LogEntry): number {
  const { lastInsertRowid } = sql.insertEvent.run(
    entry.atMs,
    entry.type,
    entry.jobId,
    entry.worker,
    entry.gpu,
    entry.text,
  );
  return Number(lastInsertRowid);
}
