import { z } from "zod";
import { RuntimeView } from "./views.ts";

const Measured = z
  .object({ meanMs: z.number(), deviationMs: z.number(), count: z.number().int() })
  .describe("mean and standard deviation of the last runs, and how many count");

export const LaneView = z
  .object({
    lane: z.string(),
    workers: z.number().int(),
    queued: z.number().int(),
    home: z.number().int().describe("workers that are kept while there is room"),
    startMs: z.number().nullable().describe("smoothed time from the grant to readiness; null = not measured"),
    stopMs: z.number().nullable().describe("smoothed time from the stop order to the exit"),
    sleep: z
      .object({
        sleepMs: z.number().nullable().describe("until its VRAM is given back"),
        wakeMs: z.number().nullable().describe("from the order to wake until it is ready"),
        residueBytes: z.number().describe("what stays on each GPU: measured, else as declared"),
        isMeasured: z.boolean().describe("whether the residue was measured"),
        ramBytes: z
          .number()
          .nullable()
          .describe("what it takes of the host's memory: measured last, else as declared; null = neither"),
        off: z.string().nullable().describe("why it is not put to sleep now"),
      })
      .nullable()
      .describe("null = its runtime declares no sleep"),
    run: Measured.nullable(),
    switchMs: z.number().describe("what is reckoned for making it resident and ending that, measured or not"),
    quantumMs: z.number().describe("how long it is served while others wait for its GPU"),
    vram: z
      .object({
        declaredBytes: z.number().nullable().describe("null = the whole GPU"),
        peakBytes: z.number().nullable().describe("most that a worker was seen to hold on one GPU"),
        floorBytes: z.number().nullable().describe("at least this, after it ran out of memory"),
        nextLeaseBytes: z.number().nullable().describe("what its next worker is given on each GPU"),
      })
      .nullable()
      .describe("null without a GPU"),
    etaError: Measured.nullable().describe("how far answers to when it starts were off"),
  })
  .describe("what was learned of a runtime with one set of load params");
export type LaneView = z.infer<typeof LaneView>;

export const RuntimeDetail = RuntimeView.extend({
  lanes: z.array(LaneView),
  groups: z
    .array(z.object({ group: z.string(), run: Measured }))
    .describe("run times by the params named in estimateBy, as far as jobs have run"),
});
export type RuntimeDetail = z.infer<typeof RuntimeDetail>;
