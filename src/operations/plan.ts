import { z } from "zod";
import { DecisionView } from "../protocol/views.ts";
import { forecastPlan } from "../scheduler/forecast.ts";
import { viewDecision } from "./eta-view.ts";
import { toTimestamp } from "./job-view.ts";
import { operation } from "./operation.ts";

const LIMIT = 20;

export const plan = operation({
  route: "GET /plan",
  summary: "What the scheduler will do next, should nothing new come and all take as long as it did before",
  who: "all",
  input: z
    .object({ limit: z.coerce.number<number | string>().int().min(1).max(1000).default(LIMIT) })
    .strict(),
  output: z.object({
    decisions: z.array(DecisionView),
    until: z.iso.datetime().describe("how far it looked ahead"),
    complete: z.boolean().describe("nothing is left to happen after that"),
  }),
  async run(ctx, { limit }) {
    const nowMs = ctx.clock.nowMs();
    const { decisions, untilMs, isComplete } = forecastPlan(ctx.state(), nowMs, limit);
    for (const { kind, jobId, atMs } of decisions)
      if (kind === "start-job" && jobId !== null) ctx.noteEta(jobId, atMs);
    return {
      decisions: decisions.slice(0, limit).map((decision) => viewDecision(decision, nowMs)),
      until: toTimestamp(untilMs),
      complete: isComplete && decisions.length <= limit,
    };
  },
});
