import { z } from "zod";

/** The door to a worker's own page. */
export const UiDoorView = z.object({
  name: z.string().describe("the runtime, or an alias, as the config has it"),
  listen: z.string().describe("as the config has it"),
  url: z.string().nullable().describe("where it listens; null = it does not"),
  detail: z.string().nullable().describe("why it does not, or what is to be known"),
});
export type UiDoorView = z.infer<typeof UiDoorView>;

export const UiView = UiDoorView.extend({
  runtime: z.string().nullable().describe("null = there is none of this name, or it is broken"),
  worker: z
    .object({ name: z.string(), state: z.string() })
    .nullable()
    .describe("the worker that is furthest; null = the first request starts one"),
});
export type UiView = z.infer<typeof UiView>;
