import { z } from "zod";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";

const Part = z.object({ type: z.enum(["input_text", "output_text", "text"]), text: z.string() });

const Item = z.object({
  type: z.literal("message").optional(),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: z.union([z.string(), z.array(Part)]),
});

const Body = z.looseObject({
  input: z.union([z.string(), z.array(Item)]),
  instructions: z.string().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

/** What would have to be kept from one request to the next. */
const KEPT = ["previous_response_id", "conversation", "background", "prompt"];

/**
 * A request for a response as one for a chat: texts alone.
 * @throws Failure param/invalid for what no chat has; param/missing
 */
export function chatOfResponse(fields: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
  const kept = KEPT.find((name) => Boolean(fields[name]));
  if (kept !== undefined)
    throw new Failure("param/invalid", `${kept}: responses are not kept here`, {
      hint: "send what was said before as input",
    });
  if (fields["input"] === undefined) throw new Failure("param/missing", "the request has no input");
  const read = Body.safeParse(fields);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Failure("param/invalid", `${issue?.path.join(".") || "the body"}: expected texts`, {
      why: "this runtime is asked by jobs, with a text or messages of texts",
    });
  }
  const { input, instructions, max_output_tokens: most, metadata: _, text: __, ...rest } = read.data;
  const items = typeof input === "string" ? [{ role: "user", content: input }] : input.map(messageOf);
  const system = instructions ? [{ role: "system", content: instructions }] : [];
  const limit = typeof most === "number" ? { max_tokens: most } : {};
  return { ...(rest as Record<string, Json>), ...limit, messages: [...system, ...items] };
}

function messageOf({ role, content }: z.infer<typeof Item>) {
  if (typeof content === "string") return { role, content };
  return { role, content: content.map(({ text }) => ({ type: "text", text })) };
}
