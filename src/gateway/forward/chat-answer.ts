import { z } from "zod";
import { Failure } from "../../std/failure.ts";

const ToolCall = z.object({
  index: z.number().default(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});

const Message = z.object({
  content: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  tool_calls: z.array(ToolCall).nullish(),
});

const Choice = z.object({
  finish_reason: z.string().nullish(),
  text: z.string().nullish(),
  message: Message.nullish(),
  delta: Message.nullish(),
});

const Answer = z.object({
  choices: z.array(Choice).nullish(),
  usage: z.object({ prompt_tokens: z.number().nullish(), completion_tokens: z.number().nullish() }).nullish(),
  error: z.unknown().optional(),
});

/** What is read of an answer to a chat or a completion, or of a piece of one: its first choice. */
export interface ChatPart {
  readonly text: string;
  readonly thinking: string;
  readonly toolCalls: readonly {
    readonly index: number;
    /** Null where a call goes on that an earlier piece began. */
    readonly id: string | null;
    readonly name: string | null;
    readonly arguments: string;
  }[];
  readonly finishReason: string | null;
  readonly usage: { readonly prompt: number; readonly completion: number } | null;
}

/** Reads what a server answered. @throws Failure worker/failed */
export function readChatPart(value: unknown): ChatPart {
  const read = Answer.safeParse(value);
  if (!read.success) throw new Failure("worker/failed", "the worker's answer is none to a chat");
  const { choices, usage, error } = read.data;
  if (error !== undefined && error !== null) throw new Failure("worker/failed", sentenceIn(error));
  const [choice] = choices ?? [];
  const message = choice?.delta ?? choice?.message;
  return {
    text: choice?.text ?? message?.content ?? "",
    thinking: message?.reasoning_content ?? "",
    toolCalls: (message?.tool_calls ?? []).map((call, position) => ({
      index: choice?.message ? position : call.index,
      id: call.id ?? null,
      name: call.function?.name ?? null,
      arguments: call.function?.arguments ?? "",
    })),
    finishReason: choice?.finish_reason ?? null,
    usage: usage ? { prompt: usage.prompt_tokens ?? 0, completion: usage.completion_tokens ?? 0 } : null,
  };
}

/** Arguments of a call as the object they are; a model may write something else. */
export function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return {};
  }
}

function sentenceIn(error: unknown): string {
  const said = typeof error === "object" && error !== null && "message" in error ? error.message : error;
  return typeof said === "string" ? said.slice(0, 2_000) : "the worker gave up";
}
