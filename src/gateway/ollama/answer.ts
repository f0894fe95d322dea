import { Failure } from "../../std/failure.ts";
import { type ChatPart, parseArguments, readChatPart } from "../forward/chat-answer.ts";
import type { StreamTranslation, Translation } from "../forward/translate.ts";

/** How long the parts of an answer took, by a clock in milliseconds. */
export interface Times {
  now(): number;
  /** When the request came, and when its turn. */
  readonly askedMs: number;
  readonly turnMs: number;
}

interface Speaking {
  /** As the caller named it. */
  readonly model: string;
  readonly createdAt: () => string;
  readonly times: Times;
  readonly kind: "chat" | "generate";
}

/** The answer to a chat or a completion, as Ollama has it. */
export function textTranslation(speaking: Speaking, isStream: boolean): Translation {
  return {
    whole(answer) {
      const part = readChatPart(answer);
      return lastPiece(speaking, part, { firstMs: speaking.times.turnMs, calls: part.toolCalls });
    },
    stream: isStream ? streamOf(speaking) : null,
  };
}

type ToolCalls = ChatPart["toolCalls"];

function streamOf(speaking: Speaking): StreamTranslation {
  const calls: { index: number; id: string | null; name: string; arguments: string }[] = [];
  let firstMs: number | null = null;
  let finishReason: string | null = null;
  let usage: ChatPart["usage"] = null;
  return {
    type: "application/x-ndjson",
    begin: () => "",
    piece(value) {
      const part = readChatPart(value);
      finishReason = part.finishReason ?? finishReason;
      usage = part.usage ?? usage;
      // Calls are whole in this API.
      for (const call of part.toolCalls) {
        const known = calls[call.index] ?? { ...call, name: "", arguments: "" };
        calls[call.index] = {
          ...known,
          name: known.name + (call.name ?? ""),
          arguments: known.arguments + call.arguments,
        };
      }
      if (part.text === "" && part.thinking === "") return "";
      firstMs ??= speaking.times.now();
      return line({ ...headOf(speaking), ...said(speaking, part, []), done: false });
    },
    end() {
      const part = { text: "", thinking: "", toolCalls: [], finishReason, usage };
      return line(lastPiece(speaking, part, { firstMs: firstMs ?? speaking.times.turnMs, calls }));
    },
  };
}

function lastPiece(
  speaking: Speaking,
  part: ChatPart,
  { firstMs, calls }: { readonly firstMs: number; readonly calls: ToolCalls },
): object {
  const { now, askedMs, turnMs } = speaking.times;
  return {
    ...headOf(speaking),
    ...said(speaking, part, calls.filter(Boolean)),
    done: true,
    done_reason: part.finishReason === "length" ? "length" : "stop",
    total_duration: nanoseconds(now() - askedMs),
    load_duration: nanoseconds(turnMs - askedMs),
    prompt_eval_count: part.usage?.prompt ?? 0,
    prompt_eval_duration: nanoseconds(firstMs - turnMs),
    eval_count: part.usage?.completion ?? 0,
    eval_duration: nanoseconds(now() - firstMs),
  };
}

/** The answer to a request that only wants the model to be there, or gone. */
export function loadAnswer(speaking: Speaking, reason: "load" | "unload"): object {
  const nothing: ChatPart = { text: "", thinking: "", toolCalls: [], finishReason: null, usage: null };
  return { ...headOf(speaking), ...said(speaking, nothing, []), done: true, done_reason: reason };
}

function headOf({ model, createdAt }: Speaking): object {
  return { model, created_at: createdAt() };
}

function said({ kind }: Speaking, { text, thinking }: ChatPart, calls: ToolCalls): object {
  const thought = thinking === "" ? {} : { thinking };
  if (kind === "generate") return { response: text, ...thought };
  const made = calls.map(({ name, arguments: given }) => ({
    function: { name, arguments: parseArguments(given) },
  }));
  return {
    message: {
      role: "assistant",
      content: text,
      ...thought,
      ...(made.length === 0 ? {} : { tool_calls: made }),
    },
  };
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/** From milliseconds. */
export function nanoseconds(ms: number): number {
  return Math.round(Math.max(0, ms) * 1e6);
}

/** The vectors in an answer of OpenAI's kind, in their order, and how many tokens they were made of. @throws Failure worker/failed */
export function readVectors(answer: unknown): { vectors: unknown[]; tokens: number } {
  const { data, usage } = answer as {
    data?: { index?: number; embedding?: unknown }[];
    usage?: { prompt_tokens?: number };
  };
  if (!Array.isArray(data)) throw new Failure("worker/failed", "the worker's answer holds no embeddings");
  const sorted = data.toSorted((left, right) => (left.index ?? 0) - (right.index ?? 0));
  return { vectors: sorted.map(({ embedding }) => embedding), tokens: usage?.prompt_tokens ?? 0 };
}
