import type { Caller } from "../../protocol/operation.ts";
import type { GatewayPort } from "../port.ts";

/** What the page shows, each part as JSON. */
export type StateParts = ReadonlyMap<string, string>;

/** Looks at everything, and says it part by part. */
export type RenderState = (caller: Caller, signal: AbortSignal) => Promise<StateParts>;

const JOBS_SHOWN = 100;
const ENDED_SHOWN = 50;
const DECISIONS_SHOWN = 50;
/** A plan costs more than all the rest: it is made so often at most, and so many times its own length later. */
const PLAN_EVERY_MS = 5_000;
const PLAN_REST = 50;

/** For those who see the same of each other's work. */
export function createRenderer({ call, clock }: Pick<GatewayPort, "call" | "clock">): RenderState {
  let plan = "null";
  let planDueMs = 0;
  const look = async (caller: Caller, signal: AbortSignal, queued: number): Promise<void> => {
    const startMs = clock.monotonicMs();
    if (queued === 0) plan = "null";
    else if (startMs >= planDueMs) {
      plan = JSON.stringify(await call("GET /plan", { limit: DECISIONS_SHOWN }, caller, signal));
      const endMs = clock.monotonicMs();
      planDueMs = endMs + Math.max(PLAN_EVERY_MS, (endMs - startMs) * PLAN_REST);
    }
  };
  return async (caller, signal) => {
    const jobs = (input: object): Promise<unknown> => call("GET /jobs", input, caller, signal);
    const { gpus, workers, ...about } = await call("GET /status", {}, caller, signal);
    const { uptimeMs: _, longestStallMs: __, ...status } = about;
    await look(caller, signal, status.jobs.queued);
    return new Map([
      ["status", JSON.stringify(status)],
      ["gpus", JSON.stringify(gpus)],
      ["workers", JSON.stringify(workers)],
      ["running", JSON.stringify(await jobs({ states: "starting,running", after: 0, limit: JOBS_SHOWN }))],
      ["waiting", JSON.stringify(await jobs({ states: "held,queued", after: 0, limit: JOBS_SHOWN }))],
      ["ended", JSON.stringify(await jobs({ states: "succeeded,failed,cancelled", limit: ENDED_SHOWN }))],
      ["plan", plan],
    ]);
  };
}
