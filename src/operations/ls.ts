import { z } from "zod";
import { JobId, List } from "../protocol/inputs.ts";
import { JobView, jobStates } from "../protocol/views.ts";
import { viewJob } from "./job-view.ts";
import { operation } from "./operation.ts";

export const ls = operation({
  route: "GET /jobs",
  summary: "List jobs, newest first",
  who: "all",
  input: z
    .object({
      states: List(z.enum(jobStates)).optional(),
      runtime: z.string().optional(),
      array: JobId.optional().describe("only jobs of this array"),
      before: JobId.optional().describe("only jobs older than this one: the last of the page before"),
      limit: z.coerce.number<number | string>().int().min(1).max(10_000).default(50),
    })
    .strict(),
  output: z.object({
    jobs: z.array(JobView),
    total: z.number().int().describe("jobs in these states in all"),
  }),
  async run(ctx, input) {
    const rows = ctx.queries.jobs({
      states: input.states === undefined ? null : [...new Set(input.states)],
      runtime: input.runtime ?? null,
      array: input.array ?? null,
      before: input.before ?? null,
      limit: input.limit,
    });
    const counts = Object.entries(ctx.queries.counts());
    const wanted = counts.filter(
      ([state]) => input.states === undefined || input.states.some((asked) => asked === state),
    );
    return { jobs: rows.map((row) => viewJob(ctx, row)), total: wanted.reduce((sum, [, n]) => sum + n, 0) };
  },
});
