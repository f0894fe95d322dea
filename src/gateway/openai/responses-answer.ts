import type { Json } from "../../std/json.ts";
import { type ChatPart, readChatPart } from "../forward/chat-answer.ts";
import type { StreamTranslation, Translation } from "../forward/translate.ts";

/** What all of a response has in common. */
export interface ResponseHead {
  /** Of the job: the ids of the response and its message are made of it. */
  readonly job: number;
  /** Seconds. */
  readonly created: number;
  readonly model: string;
  /** The request. */
  readonly fields: Readonly<Record<string, Json>>;
}

/** How it ended, so far as that is known. */
interface Made {
  readonly text: string;
  readonly finishReason: string | null;
  readonly usage: ChatPart["usage"];
}

/** The answer to a chat as a response of OpenAI's newer API: one message with one text. */
export function responseTranslation(head: ResponseHead, isStream: boolean): Translation {
  return {
    whole: (answer) => responseOf(head, readChatPart(answer)),
    stream: isStream ? streamOf(head) : null,
  };
}

function partOf(text: string): object {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function itemId({ job }: ResponseHead): string {
  return `msg_job_${job}`;
}

/** @param made null = it is being made */
function itemOf(head: ResponseHead, made: Made | null): object {
  const status = made === null ? "in_progress" : statusOf(made);
  const content = made === null ? [] : [partOf(made.text)];
  return { id: itemId(head), type: "message", role: "assistant", status, content };
}

function statusOf({ finishReason }: Made): string {
  return finishReason === "length" || finishReason === "content_filter" ? "incomplete" : "completed";
}

function responseOf(head: ResponseHead, made: Made | null): object {
  const { job, created, model, fields } = head;
  const status = made === null ? "in_progress" : statusOf(made);
  const cause = made?.finishReason === "length" ? "max_output_tokens" : made?.finishReason;
  return {
    id: `resp_job_${job}`,
    object: "response",
    created_at: created,
    status,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: cause } : null,
    instructions: fields["instructions"] ?? null,
    max_output_tokens: fields["max_output_tokens"] ?? null,
    metadata: fields["metadata"] ?? {},
    model,
    output: made === null ? [] : [itemOf(head, made)],
    parallel_tool_calls: false,
    previous_response_id: null,
    store: false,
    temperature: fields["temperature"] ?? null,
    text: { format: { type: "text" } },
    tool_choice: "none",
    tools: [],
    top_p: fields["top_p"] ?? null,
    truncation: "disabled",
    usage: made === null ? null : usageOf(made.usage),
  };
}

function usageOf(usage: ChatPart["usage"]): object {
  const { prompt, completion } = usage ?? { prompt: 0, completion: 0 };
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: prompt + completion,
  };
}

function streamOf(head: ResponseHead): StreamTranslation {
  let count = 0;
  let made: Made = { text: "", finishReason: null, usage: null };
  const event = (type: string, fields: object): string => {
    const data = JSON.stringify({ type, sequence_number: count, ...fields });
    count += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
  const place = { item_id: itemId(head), output_index: 0, content_index: 0 };
  return {
    type: "text/event-stream",
    begin: () =>
      event("response.created", { response: responseOf(head, null) }) +
      event("response.in_progress", { response: responseOf(head, null) }) +
      event("response.output_item.added", { output_index: 0, item: itemOf(head, null) }) +
      event("response.content_part.added", { ...place, part: partOf("") }),
    piece(value) {
      const { text, finishReason, usage } = readChatPart(value);
      made = {
        text: made.text + text,
        finishReason: finishReason ?? made.finishReason,
        usage: usage ?? made.usage,
      };
      return text === "" ? "" : event("response.output_text.delta", { ...place, delta: text, logprobs: [] });
    },
    end: () =>
      event("response.output_text.done", { ...place, text: made.text, logprobs: [] }) +
      event("response.content_part.done", { ...place, part: partOf(made.text) }) +
      event("response.output_item.done", { output_index: 0, item: itemOf(head, made) }) +
      event(`response.${statusOf(made)}`, { response: responseOf(head, made) }),
  };
}
