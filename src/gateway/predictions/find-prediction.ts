import type { Caller } from "../../protocol/operation.ts";
import type { JobView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { GatewayPort } from "../port.ts";
import { PREDICTION_LABEL } from "./prediction.ts";

const CLIENTS_ID = /^(?!\d+$)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** An id that a client chose for its prediction. @throws Failure param/invalid */
export function checkClientsId(id: unknown): string {
  if (typeof id === "string" && CLIENTS_ID.test(id)) return id;
  throw new Failure("param/invalid", "the id of the prediction is not valid", {
    why: "expected 1 to 128 letters, digits or . _ -, and not digits alone: those are numbers of jobs",
  });
}

/**
 * The job of a prediction that is the caller's own.
 * @param id as its client chose it, or the number of the job
 * @throws Failure job/unknown
 */
export async function findPrediction(
  port: Pick<GatewayPort, "call">,
  id: string,
  caller: Caller,
  signal: AbortSignal,
): Promise<JobView> {
  const job = await find(port, id, caller, signal);
  if (job !== null && job.runtime !== "run" && (job.user === caller.user || caller.isAdmin === true))
    return job;
  throw new Failure("job/unknown", `there is no prediction ${JSON.stringify(id.slice(0, 130))}`);
}

async function find(
  port: Pick<GatewayPort, "call">,
  id: string,
  caller: Caller,
  signal: AbortSignal,
): Promise<JobView | null> {
  if (/^[1-9]\d{0,14}$/.test(id)) return port.call("GET /jobs/:job", { job: Number(id) }, caller, signal);
  if (!CLIENTS_ID.test(id)) return null;
  const filter = `labels.${PREDICTION_LABEL} = "${id}" and user = ${JSON.stringify(caller.user)}`;
  const { jobs } = await port.call("GET /jobs", { filter, limit: 1 }, caller, signal);
  return jobs[0] ?? null;
}
