import { z } from "zod";
import type { Json } from "../std/json.ts";
import type { JobEvent } from "./protocol.ts";

/** A name that stays inside the output folder: what a worker says is later used as a path. */
const ArtifactName = z
  .string()
  .max(1024)
  .refine(isInsideName, { error: "is not a relative path inside the output folder" });

const Text = z.string().nullable().default(null);

const EventLine = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("progress"),
    fraction: z.number().transform((fraction) => Math.min(1, Math.max(0, fraction))),
    text: Text,
  }),
  z.object({ type: z.literal("log"), text: z.string() }),
  z.object({ type: z.literal("text"), text: z.string() }),
  // It came out of JSON.parse, so it is Json.
  z.object({
    type: z.literal("output"),
    output: z.unknown().transform((output) => (output ?? null) as Json),
  }),
  z.object({
    type: z.literal("artifact"),
    artifact: z.object({ name: ArtifactName, bytes: z.number().int().nonnegative(), type: Text }),
  }),
  z.object({ type: z.literal("done") }),
  z.object({
    type: z.literal("error"),
    code: z.enum(["failed", "out-of-memory", "cancelled", "stale-fence", "busy"]),
    message: z.string(),
  }),
]);

/** Reads one line of a worker's event stream; null when it is not an event. */
export function parseJobEvent(line: string): JobEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  return EventLine.safeParse(value).data ?? null;
}

function isInsideName(name: string): boolean {
  if (name.includes("\0") || name.includes("\\")) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
