import { randomBytes } from "node:crypto";

// Clients of the job orchestrator know jobs by UUIDs. Such an id is 74 random bits, which the job has as a label, and behind them
// the number of the job: it is found without a table, and nobody finds the jobs of others by counting.

/** The label with the random half of the id. */
export const ID_LABEL = "job-client.id";
/** The label with the id of the app. */
export const APP_LABEL = "job-client.app";

/** The beginning of a UUID (version 8 of RFC 9562: what is in it is the maker's affair) without the number of its job. */
export function newIdHead(): string {
  const hex = randomBytes(10).toString("hex");
  const variant = "89ab"[Number.parseInt(hex.slice(15, 16), 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-${variant}${hex.slice(16, 19)}-`;
}

/** The id by which clients know a job; null for one that is not theirs. */
export function clientIdOf(job: {
  readonly id: number;
  readonly labels: Readonly<Record<string, string>>;
}): string | null {
  const head = job.labels[ID_LABEL];
  return head === undefined ? null : `${head}${String(job.id).padStart(12, "0")}`;
}

/** The number of the job that an id would be of; null for what is no such id. */
export function jobNumberIn(clientId: string): number | null {
  const [, digits] =
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-(\d{12})$/i.exec(clientId) ?? [];
  const number = Number(digits ?? 0);
  return number > 0 ? number : null;
}
