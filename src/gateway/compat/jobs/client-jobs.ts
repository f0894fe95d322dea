import type { Caller } from "../../../protocol/operation.ts";
import type { JobDetail, JobView } from "../../../protocol/views.ts";
import { Failure } from "../../../std/failure.ts";
import { giveWay } from "../../../std/give-way.ts";
import type { GatewayPort } from "../../port.ts";
import { APP_LABEL, clientIdOf, jobNumberIn } from "./job-id.ts";

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

/** Which jobs of clients are asked for; null = any. */
export interface ClientJobFilter {
  readonly states: readonly JobView["state"][] | null;
  readonly app: string | null;
  readonly worker: string | null;
}

const PAGE = 1_000;
/** Older jobs are not looked at: a page that is asked for every few seconds may not take longer than that. */
const MOST_LOOKED_AT = 100_000;

/** Jobs of clients, newest first, page by page. */
export async function* clientJobs(
  port: GatewayPort,
  asked: ClientJobFilter,
  caller: Caller,
): AsyncGenerator<JobView, void, undefined> {
  const filter = [
    `label.${APP_LABEL} ${asked.app === null ? "!= null" : `= ${quoted(asked.app)}`}`,
    ...(asked.worker === null ? [] : [`worker = ${quoted(asked.worker)}`]),
    ...(asked.states === null ? [] : [`state in (${asked.states.join(", ")})`]),
  ].join(" and ");
  let before: number | undefined;
  for (let looked = 0; looked < MOST_LOOKED_AT; looked += PAGE) {
    const page = { filter, limit: PAGE, ...(before === undefined ? {} : { before }) };
    const { jobs } = await port.call("GET /jobs", page, caller);
    yield* jobs;
    before = jobs.at(-1)?.id;
    if (jobs.length < PAGE) return;
    await giveWay();
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
