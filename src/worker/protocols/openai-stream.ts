import { z } from "zod";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { sentenceIn } from "../answer-error.ts";
import { readEvents } from "../event-stream.ts";
import type { JobEvent } from "../protocol.ts";
import { LostTouch } from "../service-connection.ts";

/** Longest text of one answer that is kept, in characters. */
const MAX_TEXT_CHARACTERS = 32 * 1024 * 1024;
/** Progress is told no more often than this. */
const PROGRESS_MS = 100;
const SHOWN_CHARACTERS = 80;

const ToolCallPart = z.object({
  index: z.number().int().min(0).max(1000).catch(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});

const Piece = z.object({
  content: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(ToolCallPart).nullish(),
});

const ChoicePart = z.object({
  index: z.number().int().min(0).max(1000).catch(0),
  text: z.string().nullish(),
  // A stream sends pieces as `delta`, a whole answer has it as `message`.
  delta: Piece.nullish(),
  message: Piece.nullish(),
  finish_reason: z.string().nullish(),
});

const Chunk = z.object({
  error: z.unknown().optional(),
  object: z.unknown().optional(),
  choices: z.array(ChoicePart).max(1000).nullish(),
  usage: z.record(z.string(), z.unknown()).nullish(),
});

interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

interface Choice {
  readonly texts: string[];
  readonly reasonings: string[];
  readonly toolCalls: ToolCall[];
  finishReason: string | null;
}

/** Puts the pieces of a chat or completion together. */
export interface TextCollector {
  /** One chunk of a stream, or a whole answer. @throws Failure job/failed for what the API does not allow */
  take(chunk: unknown): void;
  /** @returns the job's output. @throws LostTouch when the model had not finished */
  finish(): Json;
}

/**
 * Reads the answer to a chat or completion that is streamed; see createTextCollector.
 * @throws Failure job/failed, LostTouch
 */
export async function readTextStream(chunks: AsyncIterable<Buffer>, collector: TextCollector): Promise<Json> {
  for await (const { data } of readEvents(chunks)) {
    if (data.trim() === "[DONE]") break;
    collector.take(parse(data));
  }
  return collector.finish();
}

/**
 * @param maxTokens what the job allows, for progress; null = not known
 * @param onEvent sees the text, and its last words as progress
 */
export function createTextCollector(
  maxTokens: number | null,
  onEvent: (event: JobEvent) => void,
): TextCollector {
  const choices = new Map<number, Choice>();
  const teller = createTeller(maxTokens, onEvent);
  let usage: Json = null;
  let characters = 0;
  return {
    take(value) {
      const chunk = Chunk.safeParse(value);
      if (!chunk.success) throw new Failure("job/failed", "the server sent something that is no completion");
      // {"error": {…}} by the API; {"object": "error", "message": …} by some servers.
      const error = chunk.data.error ?? (chunk.data.object === "error" ? value : undefined);
      const trouble = error === undefined || error === null ? null : sentenceIn(error);
      if (trouble !== null) throw new Failure("job/failed", `the server gave up: ${trouble}`);
      if (chunk.data.usage) usage = chunk.data.usage as Json;
      for (const part of chunk.data.choices ?? []) {
        const choice = choiceOf(choices, part.index);
        const text = addPart(choice, part);
        characters += text.length;
        if (part.index === 0 && text !== "") teller.hear(text);
      }
      if (characters > MAX_TEXT_CHARACTERS)
        throw new Failure("job/failed", "the server's answer is too long");
    },
    finish() {
      const all = [...choices.entries()]
        .toSorted(([left], [right]) => left - right)
        .map(([, choice]) => choice);
      if (all.length === 0 || all.some(({ finishReason }) => finishReason === null)) {
        throw new LostTouch("the server ended its answer in the middle");
      }
      const [first, ...others] = all.map(outputOf);
      return { ...first, ...(others.length === 0 ? {} : { choices: [first ?? {}, ...others] }), usage };
    },
  };
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new Failure("job/failed", `the server sent an event that is not JSON: ${data.slice(0, 80)}`);
  }
}

function choiceOf(choices: Map<number, Choice>, index: number): Choice {
  const known = choices.get(index) ?? { texts: [], reasonings: [], toolCalls: [], finishReason: null };
  choices.set(index, known);
  return known;
}

/** @returns what of it is text */
function addPart(choice: Choice, part: z.infer<typeof ChoicePart>): string {
  const piece = part.delta ?? part.message;
  const text = part.text ?? piece?.content ?? "";
  const reasoning = piece?.reasoning_content ?? piece?.reasoning ?? "";
  if (text !== "") choice.texts.push(text);
  if (reasoning !== "") choice.reasonings.push(reasoning);
  for (const [position, call] of (piece?.tool_calls ?? []).entries()) {
    addToolCall(choice.toolCalls, call, part.message ? position : call.index);
  }
  choice.finishReason = part.finish_reason ?? choice.finishReason;
  return text;
}

/** Name and id come with the first piece of a call, its arguments in pieces. */
function addToolCall(calls: ToolCall[], part: z.infer<typeof ToolCallPart>, index: number): void {
  const known = calls[index] ?? { id: "", name: "", arguments: "" };
  calls[index] = {
    id: part.id ?? known.id,
    name: known.name + (part.function?.name ?? ""),
    arguments: known.arguments + (part.function?.arguments ?? ""),
  };
}

function outputOf({ texts, reasonings, toolCalls, finishReason }: Choice) {
  return {
    text: texts.join(""),
    finishReason,
    ...(reasonings.length === 0 ? {} : { reasoning: reasonings.join("") }),
    ...(toolCalls.length === 0 ? {} : { toolCalls: toolCalls.filter(Boolean).map((call) => ({ ...call })) }),
  };
}

/** Tells text as it comes, and the line that is being written as progress. */
function createTeller(maxTokens: number | null, onEvent: (event: JobEvent) => void) {
  let line = "";
  let pieces = 0;
  let isQuiet = false;
  const tell = (): void => {
    // A piece is a token with nearly all servers; where it is not, the fraction is too small, never too large.
    const fraction = maxTokens === null ? 0 : Math.min(1, pieces / maxTokens);
    onEvent({ type: "progress", fraction, text: line });
  };
  return {
    hear(text: string): void {
      pieces += 1;
      onEvent({ type: "text", text });
      line = (line + text).slice(-SHOWN_CHARACTERS);
      line = line.slice(line.lastIndexOf("\n") + 1);
      if (isQuiet) return;
      isQuiet = true;
      tell();
      setTimeout(() => {
        isQuiet = false;
      }, PROGRESS_MS).unref();
    },
  };
}
