import { startDeadline } from "../../std/deadline-signal.ts";
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
  const deadline = startDeadline(waitMs, signal);
  try {
    for await (const line of port.stream("GET /follow", { jobs: [job] }, caller, deadline.signal))
      if (line.type === "end") return true;
    return false;
  } finally {
    deadline.end();
  }
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
