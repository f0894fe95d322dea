import { webhookId } from "../../operations/webhook-view.ts";
import { giveWay } from "../../std/give-way.ts";
import type { JobsTogether } from "../../store/jobs-together.ts";
import type { OwnedWebhookRow } from "../../store/webhooks.ts";

/** Rows that are looked at without giving way. */
const SLICE = 2_000;

/** Makes what is sent once many jobs are over: how many ended in which way, in the words of predictions. */
export async function composeEndOfMany(together: JobsTogether, row: OwnedWebhookRow): Promise<Buffer> {
  const { succeeded, failed, cancelled } = together.ends(row);
  const status = failed > 0 ? "failed" : cancelled > 0 ? "canceled" : "succeeded";
  return Buffer.from(
    JSON.stringify({
      id: webhookId(row),
      object: "jobs",
      status,
      jobs: row.jobs,
      ...{ succeeded, failed, canceled: cancelled, removed: row.jobs - succeeded - failed - cancelled },
      created_at: new Date(row.submittedAtMs).toISOString(),
      completed_at: await endOf(together, row),
      orch: { first: row.jobId, last: row.jobId + row.jobs - 1 },
    }),
  );
}

async function endOf(together: JobsTogether, row: OwnedWebhookRow): Promise<string | null> {
  let endMs: number | null = null;
  for (let from = 0; from < row.jobs; from += SLICE) {
    const latest = together.lastEndMs(row, from, SLICE);
    if (latest !== null) endMs = Math.max(endMs ?? 0, latest);
    await giveWay();
  }
  return endMs === null ? null : new Date(endMs).toISOString();
}
