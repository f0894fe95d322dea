import { z } from "zod";
import { ArrayStatus } from "../protocol/array-status.ts";
import { Count, Flag, JobId, List } from "../protocol/inputs.ts";
import { JobView, jobStates } from "../protocol/views.ts";
import { Failure } from "../std/failure.ts";
import { viewArray } from "./array-status.ts";
import type { Context } from "./context.ts";
import { findJobs } from "./find-jobs.ts";
import { jobPages } from "./job-pages.ts";
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
      fold: Flag.default(false).describe("an array is one row: the newest of its jobs that are looked for"),
      before: JobId.optional().describe(
        "only jobs older than this one: the last of the page before; with fold its array, if it is in one",
      ),
      after: Count.optional().describe("only jobs newer than this one, oldest first; 0 = from the oldest on"),
      filter: z
        .string()
        .min(1)
        .optional()
        .describe("only jobs that meet it, e.g. state = failed and runtime = sdxl; see docs/lists.md"),
      sort: z
        .string()
        .min(1)
        .optional()
        .describe("fields to order by, e.g. runtime,-submittedAt; without it newest first"),
      timeZone: z.string().optional().describe("of times in the filter; the daemon's when left out"),
      limit: z.coerce.number<number | string>().int().min(1).max(10_000).default(50),
    })
    .strict(),
  output: z.object({
    jobs: z.array(JobView),
    total: z
      .number()
      .int()
      .describe(
        "jobs in these states in all; with a filter or an order those listed, plus one if there are more",
      ),
    arrays: z.array(ArrayStatus).optional().describe("with fold: the arrays of which a job is listed"),
  }),
  async run(ctx, input, _caller, signal) {
    refuseFold(input);
    if (input.filter !== undefined || input.sort !== undefined) {
      refuseCursor(input);
      const { jobs, hasMore } = await findJobs(ctx, input, signal);
      return { jobs, total: jobs.length + (hasMore ? 1 : 0), ...(await foldedOf(ctx, input, jobs)) };
    }
    const pages = jobPages(ctx.queries, {
      states: input.states === undefined ? null : [...new Set(input.states)],
      runtime: input.runtime ?? null,
      array: input.array ?? null,
      before: input.before ?? null,
      after: input.after ?? null,
      limit: input.limit,
      fold: input.fold,
    });
    const jobs: JobView[] = [];
    for await (const rows of pages) for (const row of rows) jobs.push(viewJob(ctx, row));
    const counts = Object.entries(ctx.queries.counts());
    const wanted = counts.filter(
      ([state]) => input.states === undefined || input.states.some((asked) => asked === state),
    );
    const total = wanted.reduce((sum, [, n]) => sum + n, 0);
    return { jobs, total, ...(await foldedOf(ctx, input, jobs)) };
  },
});

interface Asked {
  readonly fold: boolean;
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly sort?: string | undefined;
}

/** The arrays that are one row each. */
async function foldedOf(ctx: Context, { fold }: Asked, jobs: readonly JobView[]) {
  if (!fold) return {};
  const arrays: ArrayStatus[] = [];
  for (const { array } of jobs) if (array !== null) arrays.push(await viewArray(ctx, array.id));
  return { arrays };
}

/** Its rows come newest first. */
function refuseFold({ fold, after, sort }: Asked): void {
  if (!fold || (after === undefined && sort === undefined)) return;
  const other = sort === undefined ? "after" : "sort";
  throw new Failure("usage/invalid", `"fold" does not go with "${other}"`, {
    why: "an array stands where the newest of its jobs does",
    hint: `leave ${other} out`,
  });
}

/** Pages go by ids, so they need the order of ids. */
function refuseCursor(input: Asked): void {
  const cursor = input.after === undefined ? "before" : "after";
  if (input.after === undefined && (input.before === undefined || input.sort === undefined)) return;
  throw new Failure(
    "usage/invalid",
    `"${cursor}" does not go with ${input.sort === undefined ? "a filter" : "an order"}`,
    {
      why: "pages go by the ids of jobs, newest first",
      hint: "ask for more at once with limit",
    },
  );
}
