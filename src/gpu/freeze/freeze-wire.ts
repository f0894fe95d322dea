import { z } from "zod";
import { WireFailure } from "../wire-failure.ts";

/** One call into the driver, with the time it took: what a freeze or a thaw costs is the sum. */
export const FreezeStep = z.object({
  step: z.enum(["lock", "checkpoint", "restore", "unlock"]),
  pid: z.number(),
  tookMs: z.number(),
});
export type FreezeStep = z.infer<typeof FreezeStep>;

/** What the freeze helper says when it is done: one JSON document on its stdout. */
export const FreezeAnswer = z.union([
  z.object({ ok: z.literal(true), steps: z.array(FreezeStep) }),
  z.object({ ok: z.literal(false), failure: WireFailure }),
]);
export type FreezeAnswer = z.infer<typeof FreezeAnswer>;
