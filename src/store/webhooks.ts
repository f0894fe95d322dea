import type { WebhookEvent } from "../scheduler/events.ts";
import { type Database, translate } from "./database.ts";

/** Which webhook: that of a job (`jobs` 0), or that of so many jobs which were submitted together, of which it is the first. */
export interface WebhookName {
  readonly jobId: number;
  readonly jobs: number;
}

/** How far somebody has been told. */
export interface WebhookProgress extends WebhookName {
  /** Done = nothing is left to be told; dead = given up. */
  readonly state: "open" | "done" | "dead";
  /** How many of the lasting events are behind it, in their order: start, output, completed. */
  readonly told: number;
  /** Of the event that is on. */
  readonly tries: number;
  readonly failingSinceMs: number | null;
  /** Not before then. */
  readonly nextAtMs: number | null;
  /** What went wrong last. */
  readonly detail: string | null;
}

export interface WebhookRow extends WebhookProgress {
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  /** What the addresses in it begin with. */
  readonly base: string;
}

/** A webhook, and whose jobs it tells of. */
export interface OwnedWebhookRow extends WebhookRow {
  readonly uid: number;
  readonly user: string;
  readonly submittedAtMs: number;
}

/** Which webhooks are listed. */
export interface WebhooksAsked {
  readonly state: WebhookProgress["state"] | null;
  /** Those that tell of this job. */
  readonly jobId: number | null;
  /** Those that come after this one in the order of the list; null = from the begin. */
  readonly after: WebhookName | null;
  readonly limit: number;
}

/** Webhooks of an open database. What tells of a job is written with the job; see store/journal.ts. */
export interface WebhookStore {
  find(name: WebhookName): OwnedWebhookRow | undefined;
  /** The newest job first. */
  list(asked: WebhooksAsked): OwnedWebhookRow[];
  /** Those of the jobs `first` to `last` that are not over, the oldest job first. */
  open(first: number, last: number): WebhookRow[];
  /** A transaction of its own: not to be called while another is open. @throws Failure store/full and others */
  note(changes: readonly WebhookProgress[]): void;
}

interface RawWebhook extends OwnedWebhookRow {
  readonly events: never;
}

const COLUMNS = `w.job_id AS jobId, w.jobs, w.url, w.events, w.base, w.state, w.told, w.tries,
  w.failing_since AS failingSinceMs, w.next_at AS nextAtMs, w.detail`;

/** With the first of its jobs that has not been pruned. SQLite would rather go through all rows than by the index of a few. */
const owned = (index = ""): string => `SELECT ${COLUMNS}, j.uid, j.user, j.submitted_at AS submittedAtMs
  FROM webhooks w ${index} CROSS JOIN jobs j ON j.id = CASE w.jobs WHEN 0 THEN w.job_id
    ELSE (SELECT MIN(id) FROM jobs WHERE id >= w.job_id AND id < w.job_id + w.jobs) END`;

const NEWEST_FIRST = "ORDER BY w.job_id DESC, w.jobs DESC LIMIT :limit";
const AFTER = "(w.job_id, w.jobs) < (:afterJob, :afterJobs)";

/** @param reader the same database, for reading what is committed */
export function createWebhookStore(db: Database, reader: Database): WebhookStore {
  const find = reader.prepare(`${owned()} WHERE w.job_id = :jobId AND w.jobs = :jobs`);
  const open = reader.prepare(
    `SELECT ${COLUMNS} FROM webhooks w WHERE w.state = 'open' AND w.job_id BETWEEN ? AND ? ORDER BY w.job_id, w.jobs`,
  );
  const list = {
    any: reader.prepare(`${owned()} WHERE ${AFTER} ${NEWEST_FIRST}`),
    open: reader.prepare(
      `${owned("INDEXED BY webhooks_open")} WHERE w.state = 'open' AND ${AFTER} ${NEWEST_FIRST}`,
    ),
    done: reader.prepare(`${owned()} WHERE w.state = 'done' AND ${AFTER} ${NEWEST_FIRST}`),
    dead: reader.prepare(
      `${owned("INDEXED BY webhooks_dead")} WHERE w.state = 'dead' AND ${AFTER} ${NEWEST_FIRST}`,
    ),
    ofJob: reader.prepare(
      `${owned()} WHERE (w.job_id, w.jobs) IN (VALUES (:jobId, 0)) OR (w.jobs > 0 AND w.job_id + w.jobs > :jobId
         AND w.job_id = (SELECT MAX(job_id) FROM webhooks INDEXED BY webhooks_of_many WHERE jobs > 0 AND job_id <= :jobId)) ORDER BY w.jobs DESC`,
    ),
  };
  const update = db.prepare(
    `UPDATE webhooks SET state = :state, told = :told, tries = :tries, failing_since = :failingSinceMs,
       next_at = :nextAtMs, detail = :detail WHERE job_id = :jobId AND jobs = :jobs`,
  );
  const noteAll = db.transaction((changes: readonly WebhookProgress[]) => {
    for (const { jobId, jobs, state, told, tries, failingSinceMs, nextAtMs, detail } of changes)
      update.run({ jobId, jobs, state, told, tries, failingSinceMs, nextAtMs, detail });
  });
  const rows = ({ state, jobId, after, limit }: WebhooksAsked): RawWebhook[] => {
    if (jobId !== null) return list.ofJob.all({ jobId }) as RawWebhook[];
    const { jobId: afterJob, jobs: afterJobs } = after ?? { jobId: Number.MAX_SAFE_INTEGER, jobs: 0 };
    return list[state ?? "any"].all({ afterJob, afterJobs, limit }) as RawWebhook[];
  };
  return {
    find({ jobId, jobs }) {
      const raw = find.get({ jobId, jobs }) as RawWebhook | undefined;
      return raw === undefined ? undefined : toRow(raw);
    },
    list: (asked) => rows(asked).map(toRow),
    open: (first, last) => (open.all(first, last) as RawWebhook[]).map(toRow),
    note: (changes) => translate(db.name, () => noteAll(changes)),
  };
}

function toRow({ events, ...raw }: RawWebhook): OwnedWebhookRow {
  return { ...raw, events: JSON.parse(events) as WebhookEvent[] };
}
