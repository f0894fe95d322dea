import type { Json } from "../../std/json.ts";
import { textIn } from "../by-job/text-output.ts";
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
 * back goes on with the next one, also at another daemon. "l" = start and a part of the log, "t80.1" = so many characters of the text
 * of the first attempt as well, "o3" = four outputs, "c" = the end.
 */
interface Place {
  readonly stage: "s" | "l" | "t" | "o" | "c";
  readonly text: ToldText;
  /** Outputs that were read. */
  readonly outputs: number;
  readonly cursor: string;
}

/** How much of the text of which attempt was told; attempt 0 = nothing. */
interface ToldText {
  readonly attempt: number;
  readonly at: number;
}

const NO_TEXT: ToldText = { attempt: 0, at: 0 };
const START: Place = { stage: "s", text: NO_TEXT, outputs: 0, cursor: "" };

function readPlace(id: string | null): Place | null {
  const [, stage, index, at, attempt, cursor = ""] =
    /^([lc]|o(\d{1,6})|t(\d{1,8})\.(\d{1,6}))(?:_(\d{1,15}\.\d{1,9}@\d{1,15}))?$/.exec(id ?? "") ?? [];
  if (stage === undefined) return null;
  const letter = stage.slice(0, 1) as Place["stage"];
  const text = letter === "t" ? { at: Number(at), attempt: Number(attempt) } : NO_TEXT;
  return { stage: letter, text, outputs: index === undefined ? 0 : Number(index) + 1, cursor };
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
  let { cursor, text: told } = place;
  let attempts = 0;
  const here = (): string => idOf(told.attempt === 0 ? "l" : `t${told.at}.${told.attempt}`, cursor);
  let isStarted = place.stage !== "s";
  const starts = function* (): Generator<Numbered> {
    if (!isStarted) yield { id: here(), event: { type: "start" } };
    isStarted = true;
  };
  if (place.stage === "c") return;
  const resume = cursor === "" ? [] : [cursor];
  const isLogRead = place.stage === "o";
  let isOver = false;
  for await (const line of port.stream(
    "GET /follow",
    { jobs: [job], logs: !isLogRead, text: !isLogRead, resume },
    caller,
    signal,
  )) {
    if (line.type === "job") ({ attempts } = line.job);
    if (line.type === "job" && line.job.state === "running") yield* starts();
    if (line.type === "log") {
      yield* starts();
      cursor = line.cursor;
      yield { id: here(), event: { type: "log", text: line.text } };
    }
    if (line.type === "progress") {
      yield* starts();
      yield { id: here(), event: { type: "metric", value: line.fraction } };
    }
    // What an attempt before wrote was told: another text would not go on from there.
    if (line.type === "text" && (told.attempt === 0 || told.attempt === line.attempt)) {
      yield* starts();
      const index = Math.max(told.at, line.at);
      const chunk = line.text.slice(index - line.at);
      told = { attempt: line.attempt, at: index + chunk.length };
      if (chunk !== "") yield { id: here(), event: { type: "output", chunk, index } };
    }
    isOver = line.type === "end";
  }
  if (!isOver) return;
  const prediction = await presentPrediction(port, job, showing);
  if (prediction["started_at"] !== null) yield* starts();
  if (told.attempt === 0) yield* outputs(prediction, place, cursor);
  const rest = told.attempt === attempts ? (textIn(prediction["output"] ?? null) ?? "").slice(told.at) : "";
  if (told.attempt !== 0 && rest !== "") {
    const index = told.at;
    told = { ...told, at: index + rest.length };
    yield { id: here(), event: { type: "output", chunk: rest, index } };
  }
  yield { id: idOf("c", cursor), event: { type: "completed", prediction } };
}

function* outputs(prediction: Prediction, place: Place, cursor: string): Generator<Numbered> {
  for (const [index, chunk] of chunksOf(prediction).entries())
    if (index >= place.outputs)
      yield { id: idOf(`o${index}`, cursor), event: { type: "output", chunk, index } };
}

/** What came of it, piece by piece if it has pieces. */
function chunksOf({ output }: Prediction): readonly Json[] {
  if (output === null || output === undefined) return [];
  return Array.isArray(output) ? output : [output];
}
