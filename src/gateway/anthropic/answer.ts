import { type ChatPart, parseArguments, readChatPart } from "../forward/chat-answer.ts";
import type { Translation } from "../forward/translate.ts";

const REASONS: Readonly<Record<string, string>> = {
  length: "max_tokens",
  tool_calls: "tool_use",
  function_call: "tool_use",
  content_filter: "refusal",
};

/**
 * The answer to a chat as a message.
 * @param id of the message, unique
 * @param model as the caller named it
 */
export function messageTranslation(id: string, model: string, isStream: boolean): Translation {
  const head = { id, type: "message", role: "assistant", model };
  return {
    whole: (answer) => wholeMessage(head, readChatPart(answer)),
    stream: isStream ? streamOf(head) : null,
  };
}

function reasonOf(finishReason: string | null): string {
  return REASONS[finishReason ?? ""] ?? "end_turn";
}

function wholeMessage(head: object, part: ChatPart): object {
  const calls = part.toolCalls.map(({ id, name, arguments: text }, at) => ({
    type: "tool_use",
    id: id ?? `call_${at}`,
    name: name ?? "",
    input: parseArguments(text),
  }));
  return {
    ...head,
    content: [
      ...(part.thinking === "" ? [] : [{ type: "thinking", thinking: part.thinking, signature: "" }]),
      ...(part.text === "" ? [] : [{ type: "text", text: part.text }]),
      ...calls,
    ],
    stop_reason: reasonOf(part.finishReason),
    stop_sequence: null,
    usage: { input_tokens: part.usage?.prompt ?? 0, output_tokens: part.usage?.completion ?? 0 },
  };
}

/** A block of the message is open until something of another kind comes. */
function streamOf(head: object): NonNullable<Translation["stream"]> {
  let index = -1;
  /** "text", "thinking", or the number of a call; null = none is open. */
  let open: string | number | null = null;
  let reason: string | null = null;
  let usage = { prompt: 0, completion: 0 };
  const close = (): string => {
    const text = open === null ? "" : event("content_block_stop", { index });
    open = null;
    return text;
  };
  const into = (kind: string | number, block: object, delta: object | null): string => {
    let text = "";
    if (open !== kind) {
      text = close();
      index += 1;
      open = kind;
      text += event("content_block_start", { index, content_block: block });
    }
    return delta === null ? text : text + event("content_block_delta", { index, delta });
  };
  const callPiece = (call: ChatPart["toolCalls"][number]): string => {
    const block = { type: "tool_use", id: call.id ?? `call_${call.index}`, name: call.name ?? "", input: {} };
    const { arguments: json } = call;
    return into(call.index, block, json === "" ? null : { type: "input_json_delta", partial_json: json });
  };
  return {
    type: "text/event-stream",
    begin: () =>
      event("message_start", {
        message: {
          ...head,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 0, output_tokens: 0 },
        },
      }),
    piece(value) {
      const part = readChatPart(value);
      reason = part.finishReason ?? reason;
      usage = part.usage ?? usage;
      const { text, thinking } = part;
      return [
        thinking === ""
          ? ""
          : into(
              "thinking",
              { type: "thinking", thinking: "", signature: "" },
              { type: "thinking_delta", thinking },
            ),
        text === "" ? "" : into("text", { type: "text", text: "" }, { type: "text_delta", text }),
        ...part.toolCalls.map(callPiece),
      ].join("");
    },
    end: () =>
      close() +
      event("message_delta", {
        delta: { stop_reason: reasonOf(reason), stop_sequence: null },
        usage: { input_tokens: usage.prompt, output_tokens: usage.completion },
      }) +
      event("message_stop", {}),
  };
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
