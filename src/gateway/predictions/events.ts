import type { Json } from "../../std/json.ts";
import type { GatewayPort } from "../port.ts";
import type { Prediction } from "./prediction.ts";
import { presentPrediction, type Showing } from "./present.ts";

/** What happens to a prediction, in order. */
export type PredictionEvent =
  | { readonly type: "start" }
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "metric"; readonly value: number }
  | { readonly type: "output"; readonly chunk: Json; readonly index: number }
  | { readonly type: "completed"; readonly prediction: Prediction };

/** An event with its id. */
export interface Numbered {
  readonly id: string;
  readonly event: PredictionEvent;
}

/**
 * Where a reader is. An id says it all, by what is stored: how far the events are, and where in the log; so a reader that comes
 * back goes on with the next one, also at another daemon. "l" = start and a part of the log, "o3" = four outputs, "c" = the end.
 */
interface Place {
  readonly stage: "s" | "l" | "o" | "c";
  /** Outputs that were read. */
  readonly outputs: number;
  readonly cursor: string;
}

const START: Place = { stage: "s", outputs: 0, cursor: "" };

function readPlace(id: string | null): Place | null {
  const [, stage, index, cursor = ""] =
    /^([lc]|o(\d{1,6}))(?:_(\d{1,15}\.\d{1,9}@\d{1,15}))?$/.exec(id ?? "") ?? [];
  if (stage === undefined) return null;
  const letter = stage.slice(0, 1) as Place["stage"];
  return { stage: letter, outputs: index === undefined ? 0 : Number(index) + 1, cursor };
}

function idOf(stage: string, cursor: string): string {
  return cursor === "" ? stage : `${stage}_${cursor}`;
}

/**
 * What happens to a job until its end, as the events of a prediction.
 * @param after id of the last event that the reader has; null or one that is none = from the start
 */
export async function* predictionEvents(
  port: GatewayPort,
  job: number,
  after: string | null,
  showing: Showing,
): AsyncGenerator<Numbered> {
  const { caller, signal } = showing;
  const place = readPlace(after) ?? START;
  let { cursor } = place;
  let isStarted = place.stage !== "s";
  const starts = function* (): Generator<Numbered> {
    if (!isStarted) yield { id: idOf("l", cursor), event: { type: "start" } };
    isStarted = true;
  };
  if (place.stage === "c") return;
  const resume = cursor === "" ? [] : [cursor];
  const isLogRead = place.stage === "o";
  let isOver = false;
  for await (const line of port.stream(
    "GET /follow",
    { jobs: [job], logs: !isLogRead, resume },
    caller,
    signal,
  )) {
    if (line.type === "job" && line.job.state === "running") yield* starts();
    if (line.type === "log") {
      yield* starts();
      cursor = line.cursor;
      yield { id: idOf("l", cursor), event: { type: "log", text: line.text } };
    }
    if (line.type === "progress") {
      yield* starts();
      yield { id: idOf("l", cursor), event: { type: "metric", value: line.fraction } };
    }
    isOver = line.type === "end";
  }
  if (!isOver) return;
  const prediction = await presentPrediction(port, job, showing);
  if (prediction["started_at"] !== null) yield* starts();
  yield* ending(prediction, place, cursor);
}

function* ending(prediction: Prediction, place: Place, cursor: string): Generator<Numbered> {
  for (const [index, chunk] of chunksOf(prediction).entries())
    if (index >= place.outputs)
      yield { id: idOf(`o${index}`, cursor), event: { type: "output", chunk, index } };
  yield { id: idOf("c", cursor), event: { type: "completed", prediction } };
}

/** What came of it, piece by piece if it has pieces. */
function chunksOf({ output }: Prediction): readonly Json[] {
  if (output === null || output === undefined) return [];
  return Array.isArray(output) ? output : [output];
}
