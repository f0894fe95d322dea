import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { readPointer } from "../../std/json-pointer.ts";
import { ownPathOf } from "../own-file.ts";
import type { HttpTemplate } from "../service.ts";
import { isSuccess, readJson, refusalOf, type ServiceConnection, sendJob } from "../service-connection.ts";
import type { ServiceJob } from "../service-protocol.ts";
import { fillPath } from "./http-template.ts";

export type Poll = NonNullable<HttpTemplate["poll"]>;

/** A job that goes on at a server after its request was answered. */
export interface PolledJob {
  /** Where it is asked for. */
  readonly path: string;
  /** What the server calls it; null where the answer has an address instead. */
  readonly id: string | null;
}

/** What the answer to a job's request says of where it goes on. @throws Failure job/failed when it does not say so */
export function polledJob(poll: Poll, answer: Json): PolledJob {
  if (poll.url !== null) return { path: ownPathOf(textAt(answer, poll.url)), id: null };
  const id = textAt(answer, poll.id);
  return { path: fillPath(poll.path ?? "", {}, { id }), id };
}

/**
 * Asks for a job until it is done.
 * @returns the answer that has its result
 * @throws Failure job/failed when it has failed by the server's word; LostTouch
 */
export async function pollUntilDone(
  connection: ServiceConnection,
  poll: Poll,
  { path, id }: PolledJob,
  job: ServiceJob,
): Promise<IncomingMessage> {
  for (;;) {
    await sleep(poll.everyMs, undefined, { signal: job.signal });
    const document = await readJson(await get(connection, path, job));
    const status = textAt(document, poll.status);
    if (poll.failed.includes(status)) throw failed(status, poll, document);
    if (poll.done.includes(status)) break;
    tellProgress(poll, document, job);
  }
  const result = poll.result === null ? path : fillPath(poll.result, {}, { id });
  return get(connection, result, job);
}

async function get(
  connection: ServiceConnection,
  path: string,
  { headers, signal }: ServiceJob,
): Promise<IncomingMessage> {
  const answer = await sendJob(connection, { method: "GET", path, headers, body: null, signal });
  if (isSuccess(answer)) return answer;
  throw await refusalOf(answer, `GET ${path}`);
}

function failed(status: string, { error }: Poll, document: Json): Failure {
  const words = error === null ? undefined : readPointer(document, error);
  return new Failure("job/failed", `the server says that the job is ${status}`, {
    ...(words === undefined || words === null
      ? {}
      : { why: typeof words === "string" ? words : JSON.stringify(words) }),
  });
}

/** @throws Failure job/failed when nothing fit is there */
function textAt(document: Json, pointer: string): string {
  const found = readPointer(document, pointer);
  if (typeof found === "string" || typeof found === "number" || typeof found === "boolean")
    return String(found);
  throw new Failure(
    "job/failed",
    `the server's answer has nothing at ${pointer === "" ? "its top" : pointer}`,
  );
}

/** Tells how far a job is by a document of its server, where that says so. */
export function tellProgress(
  { fraction, text }: { readonly fraction: string | null; readonly text: string | null },
  document: Json,
  job: Pick<ServiceJob, "onEvent">,
): void {
  const far = fraction === null ? 0 : Number(readPointer(document, fraction));
  const words = text === null ? null : readPointer(document, text);
  job.onEvent({
    type: "progress",
    fraction: Number.isFinite(far) ? Math.min(1, Math.max(0, far)) : 0,
    text: typeof words === "string" ? words.slice(0, 200) : null,
  });
}
