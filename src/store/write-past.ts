import type { Changes } from "../scheduler/transition.ts";
import type { Database } from "./database.ts";

/** Writes what a step changed of jobs beside their states. */
export interface PastWriter {
  /**
   * Writes into the open transaction, after the jobs themselves. `counts`: changes of the number of jobs by state.
   * @returns true if environments and sets of labels may be gone with their last jobs
   */
  write(changes: Changes, counts: Map<string, number>): boolean;
}

/** What a job that is forgotten may be the last to have. */
interface Stored {
  readonly state: string;
  readonly environmentId: number | null;
  readonly labelSet: number | null;
}

/**
 * Prepares the statements.
 * @param energyOf joules that the GPUs took for a job until now, as far as they were measured; kept with its end
 */
export function createPastWriter(db: Database, energyOf: (jobId: number) => number | null): PastWriter {
  const rework = db.prepare(
    "UPDATE jobs SET lane = :lane, params = :params, summary = :summary, estimate_key = :estimateKey WHERE id = :id",
  );
  const setEnergy = db.prepare("UPDATE jobs SET energy_j = ? WHERE id = ?");
  const stored = db.prepare(
    "SELECT state, environment_id AS environmentId, label_set AS labelSet FROM jobs WHERE id = ? AND finished_at IS NOT NULL",
  );
  // Submission keys stay for their week: what is sent again then is refused, and not queued twice.
  const deletions = [
    "DELETE FROM events WHERE job_id = ?",
    "DELETE FROM attempts WHERE job_id = ?",
    "DELETE FROM webhooks WHERE job_id = ? AND jobs = 0",
    "DELETE FROM jobs WHERE id = ?",
  ].map((sql) => db.prepare(sql));
  const deleteEnvironment = db.prepare(
    "DELETE FROM environments WHERE id = :id AND NOT EXISTS (SELECT 1 FROM jobs WHERE environment_id = :id)",
  );
  // Jobs that were submitted together follow one another, and are in no other such range: the nearest one before is theirs.
  const deleteWebhookOfMany = db.prepare(
    `DELETE FROM webhooks WHERE jobs > 0
       AND job_id = (SELECT MAX(job_id) FROM webhooks INDEXED BY webhooks_of_many WHERE jobs > 0 AND job_id <= :id)
       AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id >= job_id AND jobs.id < job_id + webhooks.jobs)`,
  );
  const deleteLabels = ["DELETE FROM labels WHERE set_id = :id", "DELETE FROM label_sets WHERE id = :id"].map(
    (sql) => db.prepare(`${sql} AND NOT EXISTS (SELECT 1 FROM jobs WHERE label_set = :id)`),
  );
  const forget = (id: number, counts: Map<string, number>): void => {
    const row = stored.get(id) as Stored | undefined;
    if (row === undefined) return;
    for (const deletion of deletions) deletion.run(id);
    deleteWebhookOfMany.run({ id });
    if (row.environmentId !== null) deleteEnvironment.run({ id: row.environmentId });
    if (row.labelSet !== null) for (const deletion of deleteLabels) deletion.run({ id: row.labelSet });
    counts.set(row.state, (counts.get(row.state) ?? 0) - 1);
  };
  return {
    write({ reworked, ended, forgotten }, counts) {
      for (const { job, work } of reworked) {
        const { lane, params, summary, estimateKey } = work;
        rework.run({ id: job.id, lane: lane.key, params: JSON.stringify(params), summary, estimateKey });
      }
      for (const { job } of ended) {
        const joules = energyOf(job.id);
        if (joules !== null) setEnergy.run(joules, job.id);
      }
      for (const id of forgotten) forget(id, counts);
      return forgotten.length > 0;
    },
  };
}
