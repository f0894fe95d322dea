import { z } from "zod";
import { Failure } from "../../std/failure.ts";

const Text = z.object({ type: z.literal("text"), text: z.string() });

const Image = z.object({
  type: z.literal("image"),
  source: z.discriminatedUnion("type", [
    z.object({ type: z.literal("base64"), media_type: z.string(), data: z.string() }),
    z.object({ type: z.literal("url"), url: z.string() }),
  ]),
});

const ToolUse = z.object({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.unknown(),
});

const ToolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  is_error: z.boolean().optional(),
  content: z.union([z.string(), z.array(z.discriminatedUnion("type", [Text, Image]))]).default(""),
});

/** What a model thought is not told to another one. */
const Thinking = z.object({ type: z.enum(["thinking", "redacted_thinking"]) });

const Block = z.discriminatedUnion("type", [Text, Image, ToolUse, ToolResult, Thinking]);
type Block = z.infer<typeof Block>;

const Message = z.object({
  role: z.enum(["user", "assistant", "system"]),
  content: z.union([z.string(), z.array(Block)]),
});

const Tool = z.object({
  type: z.literal("custom").nullish(),
  name: z.string(),
  description: z.string().optional(),
  input_schema: z.unknown(),
});

const ToolChoice = z.object({
  type: z.enum(["auto", "any", "tool", "none"]),
  name: z.string().optional(),
  disable_parallel_tool_use: z.boolean().optional(),
});

const Body = z.object({
  model: z.string(),
  max_tokens: z.number().int().min(1),
  messages: z.array(Message).min(1),
  system: z.union([z.string(), z.array(Text)]).optional(),
  stream: z.boolean().default(false),
  stop_sequences: z.array(z.string()).optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.number().optional(),
  tools: z.array(Tool).optional(),
  tool_choice: ToolChoice.optional(),
  metadata: z.object({ user_id: z.string().nullish() }).optional(),
});

/**
 * A request for a message as one for a chat.
 * @param model as the worker knows it
 * @throws Failure param/invalid for what no chat has
 */
export function chatBodyOf(given: unknown, model: string): object {
  const read = Body.safeParse(given);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Failure("param/invalid", `${issue?.path.join(".") || "the body"}: ${issue?.message}`);
  }
  const body = read.data;
  const choice = body.tool_choice;
  const tools = body.tools?.map(({ name, description, input_schema: parameters }) => ({
    type: "function",
    function: { name, description, parameters },
  }));
  return {
    model,
    messages: [...systemOf(body.system), ...body.messages.flatMap(messagesOf)],
    max_tokens: body.max_tokens,
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    stop: body.stop_sequences,
    user: body.metadata?.user_id ?? undefined,
    tools,
    tool_choice: choice === undefined ? undefined : toolChoiceOf(choice),
    parallel_tool_calls: choice?.disable_parallel_tool_use === true ? false : undefined,
    ...(body.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

function systemOf(system: z.infer<typeof Body>["system"]): object[] {
  if (system === undefined) return [];
  const content = typeof system === "string" ? system : system.map(({ text }) => text).join("\n\n");
  return [{ role: "system", content }];
}

function toolChoiceOf({ type, name }: z.infer<typeof ToolChoice>): unknown {
  if (type === "tool") return { type: "function", function: { name } };
  return type === "any" ? "required" : type;
}

/** A turn of a conversation: results of tools are messages of their own, and come before what else is said. */
function messagesOf({ role, content }: z.infer<typeof Message>): object[] {
  if (typeof content === "string") return [{ role, content }];
  if (role === "assistant") return [assistantMessage(content)];
  const results = content.flatMap((block) => (block.type === "tool_result" ? [resultMessage(block)] : []));
  const parts = content.flatMap(partOf);
  const [first] = parts;
  const isPlain = parts.length === 1 && first !== undefined && "text" in first;
  if (parts.length === 0) return results;
  return [...results, { role, content: isPlain ? first.text : parts }];
}

function assistantMessage(blocks: readonly Block[]): object {
  const text = blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
  const calls = blocks.flatMap((block) =>
    block.type === "tool_use"
      ? [
          {
            id: block.id,
            type: "function",
            function: { name: block.name, arguments: JSON.stringify(block.input ?? {}) },
          },
        ]
      : [],
  );
  return { role: "assistant", content: text, ...(calls.length === 0 ? {} : { tool_calls: calls }) };
}

function resultMessage({ tool_use_id: id, content, is_error: isError }: z.infer<typeof ToolResult>): object {
  const text = typeof content === "string" ? content : content.flatMap(textsOf).join("\n");
  return { role: "tool", tool_call_id: id, content: isError === true ? `Error: ${text}` : text };
}

function textsOf(block: Block): string[] {
  return block.type === "text" ? [block.text] : [];
}

type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } };

function partOf(block: Block): Part[] {
  if (block.type === "text") return [{ type: "text", text: block.text }];
  if (block.type !== "image") return [];
  const { source } = block;
  const url = source.type === "url" ? source.url : `data:${source.media_type};base64,${source.data}`;
  return [{ type: "image_url", image_url: { url } }];
}
