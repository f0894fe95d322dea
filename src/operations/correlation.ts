import { jobOfOwnCorrelation, ownCorrelation } from "../std/correlation.ts";
import type { JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";

/** The id that goes with a job: the caller's, else one of its own. */
export function correlationOf(ctx: Pick<Context, "host">, row: Pick<JobRow, "id" | "correlation">): string {
  return row.correlation ?? ownCorrelation(ctx.host.instance, row.id);
}

/** Ids of the jobs that bear a correlation id and are the caller's to read, oldest first; `limit` of the newest. */
export function jobsOfCorrelation(ctx: Context, correlation: string, limit: number): number[] {
  const given = ctx.queries.jobsOfCorrelation(correlation, limit).filter((id) => mayRead(ctx, id));
  const own = jobOfOwnCorrelation(ctx.host.instance, correlation);
  const row = own === null ? undefined : ctx.queries.job(own);
  if (row === undefined || row.correlation !== null || !ctx.mayRead(row)) return given;
  return [...new Set([row.id, ...given])];
}

function mayRead(ctx: Context, jobId: number): boolean {
  const row = ctx.queries.job(jobId);
  return row !== undefined && ctx.mayRead(row);
}
