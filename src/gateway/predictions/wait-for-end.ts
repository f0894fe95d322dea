import type { Exchange, GatewayPort } from "../port.ts";

type Waiting = Pick<Exchange, "caller" | "signal">;

/** Waits for the end of a job. @returns whether it has ended: not so in time, or when the caller has gone */
export async function waitForEnd(
  port: Pick<GatewayPort, "stream">,
  job: number,
  waitMs: number,
  { caller, signal }: Waiting,
): Promise<boolean> {
  if (waitMs === 0) return false;
  const stop = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  for await (const line of port.stream("GET /follow", { jobs: [job] }, caller, stop))
    if (line.type === "end") return true;
  return false;
}

/** Cancels a job when its caller has gone: who hangs up while it is queued leaves nothing behind. Never rejects. */
export async function cancelIfGone(
  port: Pick<GatewayPort, "call">,
  job: number,
  { caller, signal }: Waiting,
): Promise<void> {
  if (!signal.aborted) return;
  // It has ended meanwhile.
  await port.call("POST /jobs/:job/cancel", { job }, caller).catch(() => undefined);
}
