import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import type { NewJob } from "../scheduler/events.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { correlationOf } from "./correlation.ts";
import { findJob, viewJobById } from "./job-view.ts";
import { refuseOtherWork } from "./key-limits.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

export const retry = operation({
  route: "POST /jobs/:job/retry",
  summary: "Queue a finished job again, as a new job",
  who: "owner",
  input: z.object({ job: JobId }).strict(),
  output: JobView,
  async run(ctx, input, caller) {
    const row = findJob(ctx, input.job);
    refuseStranger(ctx.host.uid, row, caller);
    if (row.finishedAtMs === null) {
      throw new Failure("job/state", `job ${row.id} is ${row.state}; only finished jobs can be retried`, {
        why: "an end is written once, so a retry is a new job",
        hint: `orch wait ${row.id}`,
      });
    }
    refuseOtherWork(caller, row);
    caller.key?.charge(1);
    const [id] = await ctx.ask({ type: "submit", jobs: [again(ctx, row)] });
    return viewJobById(ctx, id);
  },
});

/** The same work once more: same params, same lane, by the same user, no dependencies. For the scheduler to submit. */
export function again(ctx: Context, row: JobRow): NewJob {
  const lane = must(ctx.state().lanes.get(row.lane), `job ${row.id} is of an unknown lane`);
  return {
    lane: lane.spec,
    payload: {
      params: row.params,
      command: row.command,
      cwd: row.cwd,
      env: row.command === null ? null : ctx.queries.environment(row.id),
      summary: row.summary,
      label: row.label,
      labels: row.labels,
      uid: row.uid,
      user: row.user,
      retryOf: row.id,
      arrayIndex: row.arrayIndex,
      resumeCommand: row.resumeCommand,
      correlation: correlationOf(ctx, row),
      terminal: row.terminal,
    },
    ...ctx.queries.termsOf(row.id),
    hold: false,
    notBeforeMs: null,
    deadlineMs: null,
    after: [],
  };
}
