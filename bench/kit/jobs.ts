import { type Connection, call, encode } from "./connection.ts";
import { until } from "./until.ts";

const STATUS = encode("GET", "/status");

/** How many jobs are in each state. */
export async function countJobs(connection: Connection): Promise<Record<string, number>> {
  return (await call<{ jobs: Record<string, number> }>(connection, STATUS)).jobs;
}

/** Waits until at least `count` jobs have succeeded. A failed one is an error: what is measured must work. */
export async function untilSucceeded(connection: Connection, count: number): Promise<void> {
  await until(
    `${count} jobs succeed`,
    async () => {
      const jobs = await countJobs(connection);
      if ((jobs["failed"] ?? 0) + (jobs["cancelled"] ?? 0) > 0)
        throw new Error(`jobs failed: ${JSON.stringify(jobs)}`);
      return (jobs["succeeded"] ?? 0) >= count;
    },
    { deadlineMs: 120_000, pollMs: 5 },
  );
}

/** Queues `count` jobs of a runtime, 1000 a request. */
export async function submitMany(
  connection: Connection,
  { runtime, count, hold = false }: { runtime: string; count: number; hold?: boolean },
): Promise<void> {
  for (let left = count; left > 0; left -= 1000) {
    await call(connection, encodeBatch(runtime, Math.min(1000, left), hold));
  }
}

/** A request for a batch of equal jobs. */
export function encodeBatch(runtime: string, count: number, hold: boolean): Buffer {
  const job = { runtime, params: { prompt: "a fox in the snow" }, ...(hold ? { options: { hold } } : {}) };
  return encode("POST", "/jobs/batch", { jobs: Array.from({ length: count }, () => job) });
}
