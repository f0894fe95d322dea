import { readChatPart } from "../forward/chat-answer.ts";
import type { StreamTranslation, Translation } from "../forward/translate.ts";

/** What all of an answer has in common. */
export interface TextHead {
  readonly id: string;
  /** Seconds. */
  readonly created: number;
  readonly model: string;
}

interface Shape {
  readonly isChat: boolean;
  readonly isStream: boolean;
  /** Whether the stream is to end with what was used. */
  readonly withUsage: boolean;
}

/** The answer to a chat, or a completion, as OpenAI's clients read it. */
export function textTranslation(head: TextHead, { isChat, isStream, withUsage }: Shape): Translation {
  return {
    whole(answer) {
      const { choices, usage } = answer as { choices: object[]; usage: object };
      const { text } = readChatPart(answer);
      const object = isChat ? "chat.completion" : "text_completion";
      const shown = isChat ? choices : choices.map((choice) => ({ ...choice, message: undefined, text }));
      return { ...head, object, choices: shown, usage };
    },
    stream: isStream ? streamOf(head, isChat, withUsage) : null,
  };
}

function streamOf(head: TextHead, isChat: boolean, withUsage: boolean): StreamTranslation {
  const object = isChat ? "chat.completion.chunk" : "text_completion";
  const chunk = (choices: readonly object[], usage: unknown): string =>
    // Every chunk of a stream that ends with it has the field.
    `data: ${JSON.stringify({ ...head, object, choices, ...(withUsage ? { usage } : {}) })}\n\n`;
  const choice = (delta: object, text: string, reason: string | null): object => ({
    index: 0,
    ...(isChat ? { delta } : { text }),
    finish_reason: reason,
  });
  let used: unknown = null;
  return {
    type: "text/event-stream",
    begin: () => (isChat ? chunk([choice({ role: "assistant", content: "" }, "", null)], null) : ""),
    piece(value) {
      const { text, finishReason } = readChatPart(value);
      used = (value as { usage?: unknown }).usage ?? used;
      return chunk([choice(text === "" ? {} : { content: text }, text, finishReason)], null);
    },
    end: () => `${withUsage ? chunk([], used) : ""}data: [DONE]\n\n`,
  };
}
