import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import { toFailure } from "../../std/failure.ts";
import type { Detail, Target } from "./snapshot.ts";

const LOG_FIRST = 500;
const LOG_KEPT = 5_000;
/** Lines that come in a burst are shown together. */
const BURST_MS = 100;
const RETRY_MS = 1_000;

export interface DetailOptions {
  readonly signal: AbortSignal;
  readonly intervalMs: number;
  readonly tell: (detail: Detail) => void;
}

/** Follows one job or worker and its log until the signal aborts. Never rejects. */
export async function followDetail(client: Client, target: Target, options: DetailOptions): Promise<void> {
  const { signal } = options;
  let known: Detail = { target, job: null, why: null, log: [], error: null };
  let timer: NodeJS.Timeout | undefined;
  const tell = (changes: Partial<Detail>): void => {
    known = { ...known, ...changes };
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!signal.aborted) options.tell(known);
    }, BURST_MS);
  };
  const showError = (error: unknown): void => tell({ error: toFailure(error).sentence });
  options.tell(known);
  await Promise.all([
    target.kind === "job" ? watchJob(client, target.id, options, tell, showError) : undefined,
    watchLog(client, target, signal, (log) => tell({ log: log(known.log) }), showError),
  ]);
  clearTimeout(timer);
}

async function watchJob(
  client: Client,
  id: number,
  { signal, intervalMs }: DetailOptions,
  tell: (changes: Partial<Detail>) => void,
  showError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const job = await client.call("GET /jobs/:job", { job: id });
      const isWaiting = job.state === "held" || job.state === "queued";
      const why = isWaiting ? await client.call("GET /jobs/:job/why", { job: id }) : null;
      tell({ job, why, error: null });
    } catch (error) {
      showError(error);
    }
    await rest(Math.max(intervalMs, RETRY_MS), signal);
  }
}

async function watchLog(
  client: Client,
  target: Target,
  signal: AbortSignal,
  update: (next: (log: readonly string[]) => readonly string[]) => void,
  showError: (error: unknown) => void,
): Promise<void> {
  const whose = target.kind === "job" ? { jobs: [target.id] } : { workers: [target.name] };
  const cursors = new Map<string, string>();
  while (!signal.aborted) {
    const from = cursors.size === 0 ? { tail: LOG_FIRST } : { resume: [...cursors.values()] };
    try {
      for await (const { text, cursor } of client.stream(
        "GET /logs",
        { ...whose, ...from, follow: true },
        { signal },
      )) {
        cursors.set("log", cursor);
        update((log) => addText(log, text).slice(-LOG_KEPT));
      }
    } catch (error) {
      showError(error);
    }
    await rest(RETRY_MS, signal);
  }
}

/** The last line is open: a piece may end in its middle. */
function addText(log: readonly string[], text: string): string[] {
  const [first = "", ...more] = text.split("\n");
  return [...log.slice(0, -1), (log.at(-1) ?? "") + first, ...more];
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
