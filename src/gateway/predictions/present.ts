import type { JobView } from "../../protocol/views.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import { inlineFiles } from "./inline-files.ts";
import { LINK_MS, writeLink } from "./links.ts";
import { endOfLog, LOG_LINES } from "./log-end.ts";
import { type Prediction, predictionOf } from "./prediction.ts";
import { originOf } from "./send-json.ts";

/** What a prediction is shown by: who asks, and under which address. */
export interface Showing extends Pick<Exchange, "request" | "caller" | "signal"> {
  /** Path that `/predictions/ID` is put to. */
  readonly prefix: string;
  /** Files that were made are written out as far as they are small. */
  readonly isInline?: boolean;
}

/** A prediction as it stands now. @throws Failure job/unknown */
export async function presentPrediction(
  port: GatewayPort,
  id: number,
  showing: Showing,
  withLogs = true,
): Promise<Prediction> {
  const { request, caller, signal, prefix } = showing;
  const job = await port.call("GET /jobs/:job", { job: id }, caller, signal);
  const origin = originOf(request);
  const inlined = showing.isInline === true ? await inlineFiles(port, job, showing) : null;
  return predictionOf({
    job,
    logs: withLogs && job.attempts > 0 ? await logsOf(port, id, showing) : "",
    base: `${origin}${prefix}`,
    link: (to) => inlined?.get(Number(to)) ?? linkTo(port, job, { origin, caller, to }),
    standing: await standingOf(port, job, showing),
  });
}

async function logsOf(port: GatewayPort, job: number, { caller, signal }: Showing): Promise<string> {
  return endOfLog(port.stream("GET /jobs/:job/logs", { job, tail: LOG_LINES }, caller, signal));
}

async function standingOf(port: GatewayPort, { id, state }: JobView, { caller, signal }: Showing) {
  if (state !== "queued") return undefined;
  const { position, reason } = await port.call(
    "GET /jobs/:job/why",
    { job: id, outlook: false },
    caller,
    signal,
  );
  return { position, text: reason?.text ?? "it waits" };
}

interface LinkParts extends Pick<Exchange, "caller"> {
  readonly origin: string;
  readonly to: number | "stream";
}

function linkTo(port: GatewayPort, { id: job }: JobView, { origin, caller, to }: LinkParts): string {
  const { uid, user, key } = caller;
  const untilMs = port.clock.nowMs() + LINK_MS;
  const link = writeLink({ job, to, uid, user, keyId: key?.id ?? null, untilMs }, (text) => port.sign(text));
  return `${origin}/replicate/v1/links/${link}`;
}
