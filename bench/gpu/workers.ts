import type { Client } from "../../src/client/client.ts";
import { until } from "../kit/until.ts";

const POLL_MS = 5;
const DEADLINE_MS = 600_000;

/**
 * Has something done to the worker of a runtime and waits until it is in `state`.
 * @returns how long that took, in milliseconds
 * @throws Error with its last words when it is gone instead
 */
export async function moveTo(
  client: Client,
  { runtime, state }: { runtime: string; state: "ready" | "asleep" },
  ask: () => Promise<unknown>,
): Promise<number> {
  const startMs = performance.now();
  await ask();
  await until(
    `the worker of ${runtime} is ${state}`,
    async () => {
      const found = await workerOf(client, runtime);
      if (found === undefined) throw new Error(await lastWords(client, runtime));
      return found.state === state;
    },
    { deadlineMs: DEADLINE_MS, pollMs: POLL_MS },
  );
  return performance.now() - startMs;
}

/** The worker of a runtime that is there to stay. */
export async function workerOf(
  client: Client,
  runtime: string,
): Promise<{ name: string; state: string } | undefined> {
  const { workers } = await client.call("GET /workers", {});
  return workers.find((worker) => worker.runtime === runtime && worker.state !== "stopping");
}

/** Stops the worker of a runtime, if there is one, and waits until it is gone. */
export async function endWorker(client: Client, runtime: string): Promise<void> {
  const worker = await workerOf(client, runtime);
  if (worker !== undefined) await client.call("POST /workers/:worker/stop", { worker: worker.name });
  await until(
    `no worker of ${runtime} is left`,
    async () => (await client.call("GET /workers", {})).workers.every((each) => each.runtime !== runtime),
    { deadlineMs: DEADLINE_MS },
  );
}

/** Runs one job, which looks whether the weights are what they were. @returns why it failed, or null */
export async function runJob(client: Client, runtime: string): Promise<string | null> {
  const { id: job } = await client.call("POST /jobs", { runtime, params: {} });
  return until(
    `job ${job} of ${runtime} ends`,
    async () => {
      const { state, ...rest } = await client.call("GET /jobs/:job", { job });
      if (state === "succeeded") return { why: null };
      return state === "failed" || state === "cancelled" ? { why: JSON.stringify(rest) } : null;
    },
    { deadlineMs: DEADLINE_MS },
  ).then(({ why }) => why);
}

/** The texts of all events so far whose type matches. */
export async function eventTexts(client: Client, type: RegExp): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of client.stream("GET /events", { after: 0 }))
    if (type.test(event.type)) texts.push(event.text);
  return texts;
}

/** Why there is no worker of the runtime any more. */
async function lastWords(client: Client, runtime: string): Promise<string> {
  const texts = await eventTexts(client, /^worker-(sleep-)?failed$/);
  return texts.filter((text) => text.includes(runtime)).at(-1) ?? `the worker of ${runtime} is gone`;
}
