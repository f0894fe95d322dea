import type { Client } from "../../client/client.ts";
import type { JobDetail } from "../../protocol/views.ts";

/** Tells of each job when it is over: one stream for all of them, whatever their number. */
export interface Ends {
  /** Resolves with the job once it is over. Rejects when the daemon is lost. */
  of(jobId: number): Promise<JobDetail>;
  close(): void;
}

const OVER: ReadonlySet<string> = new Set(["job-succeeded", "job-failed", "job-cancelled"]);

/** Begins to listen; what ends from now on is known, also before anybody asks for it. */
export async function listenForEnds(client: Client, signal: AbortSignal): Promise<Ends> {
  const abort = new AbortController();
  const stop = AbortSignal.any([abort.signal, signal]);
  const ended = new Set<number>();
  const waiting = new Map<number, (trouble: unknown) => void>();
  let last = 0;
  for await (const { seq } of client.stream("GET /events", { limit: 1 }, { signal: stop })) last = seq;
  const tellAll = (trouble: unknown): void => {
    for (const tell of waiting.values()) tell(trouble);
    waiting.clear();
  };
  const listen = async (): Promise<void> => {
    const input = { follow: true, after: last };
    for await (const { type, job } of client.stream("GET /events", input, { signal: stop })) {
      if (job === null || !OVER.has(type)) continue;
      const tell = waiting.get(job);
      if (tell === undefined) ended.add(job);
      waiting.delete(job);
      tell?.(null);
    }
  };
  const listening = listen().catch((error: unknown) => tellAll(error));
  return {
    async of(jobId) {
      if (!ended.delete(jobId))
        await new Promise<void>((resolve, reject) => {
          waiting.set(jobId, (trouble) => (trouble === null ? resolve() : reject(trouble)));
          if (stop.aborted) tellAll(stop.reason);
        });
      return client.call("GET /jobs/:job", { job: jobId });
    },
    close() {
      abort.abort();
      void listening;
    },
  };
}
