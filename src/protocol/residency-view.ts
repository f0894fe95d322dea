import { z } from "zod";

/** Who was on one GPU, and what they did there. */
export const ResidencyView = z.object({
  index: z.number().int(),
  uuid: z.string(),
  name: z.string().nullable().describe("null = it is not there now"),
  isComplete: z.boolean().describe("false: there were more leases than are given, which are the newest"),
  leases: z
    .array(
      z.object({
        worker: z.string(),
        runtime: z.string(),
        lane: z.string().describe("as people read it: the runtime and its load params"),
        mode: z.enum(["exclusive", "shared", "residue"]).describe("as it is now, or was last"),
        vramBytes: z.number().int(),
        from: z.iso.datetime(),
        to: z.iso.datetime().nullable().describe("null = it still holds it"),
        phases: z
          .array(
            z.object({
              phase: z
                .enum(["start", "ready", "run"])
                .describe(
                  "start: until it was ready; ready: served from then on; run: a program that runs once",
                ),
              from: z.iso.datetime(),
              to: z.iso.datetime().nullable(),
            }),
          )
          .describe("what of it is known, in order of time"),
      }),
    )
    .describe("in order of their grants"),
});
export type ResidencyView = z.output<typeof ResidencyView>;
