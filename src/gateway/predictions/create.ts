import type { JobView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { refuseOtherBody } from "../check-origin.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import { checkClientsId } from "./find-prediction.ts";
import { fileAddress, PREDICTION_LABEL, toldEvents } from "./prediction.ts";
import type { Wishes } from "./request-wishes.ts";
import { originOf } from "./send-json.ts";

/** Files are in it as data URLs, a few megabytes each; larger ones are uploaded before. */
const MAX_BODY_BYTES = 16 * 2 ** 20;

/** A request for a prediction, as far as its form goes. */
export interface AskedPrediction {
  readonly input: Readonly<Record<string, Json>>;
  /** As its client chose it; null = the number of the job is its id. */
  readonly id: string | null;
  readonly webhook: string | null;
  readonly events: unknown;
  /** What it is to be a prediction of, where the path does not say it. */
  readonly version: unknown;
}

/** Reads the body. @throws Failure request/malformed, request/too-large, param/invalid */
export async function readPrediction(port: GatewayPort, exchange: Exchange): Promise<AskedPrediction> {
  refuseOtherBody(exchange.request);
  const body = await port.readBody(exchange.request, MAX_BODY_BYTES);
  const { input = {}, id, webhook = null, webhook_events_filter: events, version } = body;
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw new Failure("param/invalid", "the field input is not valid", { why: "expected an object" });
  if (webhook !== null && typeof webhook !== "string")
    throw new Failure("param/invalid", "the field webhook is not valid", { why: "expected an address" });
  const isList = Array.isArray(events) && events.every((each) => toldEvents.includes(each as string));
  if (events != null && !isList)
    throw new Failure("param/invalid", "the field webhook_events_filter is not valid", {
      why: `expected a list of ${toldEvents.join(", ")}`,
    });
  if (body["output_file_prefix"] != null)
    throw new Failure("param/invalid", "the field output_file_prefix is not supported", {
      why: "files stay here, and the output has their addresses",
    });
  return {
    input: input as Record<string, Json>,
    id: id === undefined || id === null ? null : checkClientsId(id),
    ...{ webhook, events: events ?? undefined, version },
  };
}

interface Parts {
  readonly exchange: Exchange;
  readonly runtime: string;
  readonly asked: AskedPrediction;
  readonly wishes: Wishes;
  /** Path that `/predictions/ID` is put to. */
  readonly prefix: string;
}

/** Submits the job of a prediction; one with an id of its client's once. @throws Failure of many kinds */
export async function createPrediction(port: GatewayPort, parts: Parts): Promise<JobView> {
  const { exchange, runtime, asked, wishes, prefix } = parts;
  const { caller, request, signal } = exchange;
  const origin = originOf(request);
  const { id, webhook, events } = asked;
  const params: Record<string, Json> = {};
  for (const [name, value] of Object.entries(asked.input))
    params[name] = await ownFile(port, value, { origin, param: name, exchange });
  const submission = {
    ...{ runtime, params },
    options: {
      ...(id === null ? {} : { labels: { [PREDICTION_LABEL]: id } }),
      ...(wishes.cancelAfterMs === null ? {} : { deadline: port.clock.nowMs() + wishes.cancelAfterMs }),
    },
    ...(id === null ? {} : { idempotencyKey: `prediction ${id}` }),
    ...(webhook === null
      ? {}
      : { webhook: { url: webhook, base: `${origin}${prefix}`, ...eventsOf(events) } }),
  };
  return port.call("POST /jobs", submission, caller, signal);
}

function eventsOf(events: unknown): object {
  return events === undefined || (Array.isArray(events) && events.length === 0) ? {} : { events };
}

interface OwnFileParts {
  readonly origin: string;
  readonly param: string;
  readonly exchange: Exchange;
}

/** The address of a file that was uploaded here stands for the file: nothing is fetched from ourselves. */
async function ownFile(
  port: GatewayPort,
  value: Json,
  { origin, param, exchange }: OwnFileParts,
): Promise<Json> {
  const files = fileAddress(origin, "");
  if (typeof value !== "string" || !value.startsWith(files)) return value;
  const found = await port.inputFiles.find(exchange.caller.uid, value.slice(files.length));
  if (found !== null) return found.path;
  throw new Failure("param/invalid", `param "${param}": there is no such file here any more`, {
    why: "files are kept for seven days",
    hint: "upload it again",
  });
}
