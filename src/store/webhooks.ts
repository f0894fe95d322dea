import type { WebhookEvent } from "../scheduler/events.ts";
import { type Database, translate } from "./database.ts";

/** How far somebody has been told of a job. */
export interface WebhookProgress {
  readonly jobId: number;
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

/** Webhooks of an open database. What tells of a job is written with the job; see store/journal.ts. */
export interface WebhookStore {
  find(jobId: number): WebhookRow | undefined;
  /** Those that are not over, the oldest job first. */
  open(): WebhookRow[];
  /** A transaction of its own: not to be called while another is open. @throws Failure store/full and others */
  note(changes: readonly WebhookProgress[]): void;
}

interface RawWebhook extends WebhookProgress {
  readonly url: string;
  readonly events: string;
  readonly base: string;
}

const COLUMNS = `job_id AS jobId, url, events, base, state, told, tries, failing_since AS failingSinceMs,
  next_at AS nextAtMs, detail FROM webhooks`;

/** @param reader the same database, for reading what is committed */
export function createWebhookStore(db: Database, reader: Database): WebhookStore {
  const find = reader.prepare(`SELECT ${COLUMNS} WHERE job_id = ?`);
  const open = reader.prepare(`SELECT ${COLUMNS} WHERE state = 'open' ORDER BY job_id`);
  const update = db.prepare(
    `UPDATE webhooks SET state = :state, told = :told, tries = :tries, failing_since = :failingSinceMs,
       next_at = :nextAtMs, detail = :detail WHERE job_id = :jobId`,
  );
  const noteAll = db.transaction((changes: readonly WebhookProgress[]) => {
    for (const { jobId, state, told, tries, failingSinceMs, nextAtMs, detail } of changes)
      update.run({ jobId, state, told, tries, failingSinceMs, nextAtMs, detail });
  });
  return {
    find(jobId) {
      const raw = find.get(jobId) as RawWebhook | undefined;
      return raw === undefined ? undefined : toRow(raw);
    },
    open: () => (open.all() as RawWebhook[]).map(toRow),
    note: (changes) => translate(db.name, () => noteAll(changes)),
  };
}

function toRow({ events, ...raw }: RawWebhook): WebhookRow {
  return { ...raw, events: JSON.parse(events) as WebhookEvent[] };
}
