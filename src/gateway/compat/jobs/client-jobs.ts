import type { Caller } from "../../../protocol/operation.ts";
import type { JobDetail, JobView } from "../../../protocol/views.ts";
import { Failure } from "../../../std/failure.ts";
import type { GatewayPort } from "../../port.ts";
import { clientIdOf, jobNumberIn } from "./job-id.ts";

/** The job that a client means; null = there is none of that id, or not for this caller. */
export async function findClientJob(
  port: GatewayPort,
  id: string,
  caller: Caller,
): Promise<JobDetail | null> {
  const job = jobNumberIn(id);
  if (job === null) return null;
  try {
    const found = await port.call("GET /jobs/:job", { job }, caller);
    return clientIdOf(found) === id.toLowerCase() ? found : null;
  } catch (error) {
    if (error instanceof Failure && error.code === "job/unknown") return null;
    throw error;
  }
}

/** So many are asked for by one filter. */
const AT_ONCE = 200;

/** The jobs of these ids that are still there, in this order. */
export async function jobsOf(port: GatewayPort, ids: readonly number[], caller: Caller): Promise<JobView[]> {
  const found: JobView[] = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const filter = `id in (${ids.slice(from, from + AT_ONCE).join(", ")})`;
    const { jobs } = await port.call("GET /jobs", { filter, limit: AT_ONCE }, caller);
    found.push(...jobs);
  }
  return found;
}
