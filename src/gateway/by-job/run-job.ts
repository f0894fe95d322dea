import type { Api, StreamApi } from "../../operations/api.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { priorityOf } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import type { ServedModel } from "../request-port.ts";

/** A job as it is at its end. */
export type FinishedJob = Api["GET /jobs/:job"]["output"];

/** A piece of the text that a job writes. */
export type WrittenPiece = Extract<StreamApi["GET /follow"]["line"], { type: "text" }>;

/** What a job is submitted for. */
export interface JobWish {
  readonly served: ServedModel;
  readonly params: Readonly<Record<string, Json>>;
}

/** Submits the job that serves a request; the answer names it. @returns its id. @throws Failure of many kinds */
export async function submitFor({ port }: Kit, exchange: Exchange, wish: JobWish): Promise<number> {
  const { caller, request, response, signal } = exchange;
  const { served, params } = wish;
  const priority = priorityOf(request.headers["x-orch-priority"]);
  const submission = {
    runtime: served.runtime,
    params: { ...params, ...served.params },
    ...(priority === undefined ? {} : { options: { priority } }),
  };
  const { id } = await port.call("POST /jobs", submission, caller, signal);
  response.setHeader("x-orch-job-id", id);
  return id;
}

/**
 * The job at its end. It is cancelled when its caller goes, or what it writes is not wanted any more.
 * @param onText takes what it writes, as it does; left out = nobody reads along
 * @throws Failure worker/failed, runtime/start-failed, interrupted; what `onText` throws
 */
export async function untilOver(
  port: GatewayPort,
  job: number,
  { caller, signal }: Pick<Exchange, "caller" | "signal">,
  onText?: (piece: WrittenPiece) => Promise<void>,
): Promise<FinishedJob> {
  let isOver = false;
  try {
    const wish = { jobs: [job], text: onText !== undefined };
    for await (const line of port.stream("GET /follow", wish, caller, signal)) {
      if (line.type === "text") await onText?.(line);
      isOver ||= line.type === "end";
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    // It may have ended meanwhile.
    if (!isOver) await port.call("POST /jobs/:job/cancel", { job }, caller).catch(() => undefined);
  }
  if (signal.aborted) throw new Failure("interrupted", "the caller has gone");
  const found = await port.call("GET /jobs/:job", { job }, caller);
  if (found.state === "succeeded") return found;
  const isUnstarted = found.reason?.code === "start-failed";
  throw new Failure(isUnstarted ? "runtime/start-failed" : "worker/failed", `job ${job} ${found.state}`, {
    why: found.reason?.text,
  });
}
