import { z } from "zod";

/** A job's life as `orch show` tells it. */
export const LifeView = z
  .array(
    z.object({
      phase: z.enum(["held", "queued", "switch", "start", "run", "retry"]),
      from: z.iso.datetime(),
      to: z.iso.datetime().nullable().describe("null while it goes on"),
      text: z.string(),
    }),
  )
  .describe("its life in phases that follow each other; switch = another worker made room for its own");
