import { z } from "zod";
import { JobId, Params, Treatment } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { JobView } from "../protocol/views.ts";
import type { NewWork } from "../scheduler/events.ts";
import { Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { findJob, refuseFinished, viewJobById } from "./job-view.ts";
import { reworked } from "./new-job.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";
import { priorityOf } from "./treatment.ts";

const fields = { priority: true, retries: true, timeLimitMs: true, begin: true, deadline: true } as const;
const { priority, retries, timeLimitMs, begin, deadline } = Treatment.pick(fields).shape;

export const update = operation({
  route: "POST /jobs/:job/update",
  summary: "Change the priority, limits, times or params of a waiting job",
  who: "owner",
  input: z.strictObject({
    job: JobId,
    priority: priority.unwrap().optional(),
    retries: retries.unwrap().optional(),
    timeLimitMs: timeLimitMs.unwrap().optional(),
    begin: begin.unwrap().optional().describe("null, or a time that is past: at once"),
    deadline: deadline.unwrap().optional().describe("null = none"),
    params: Params.optional().describe(
      "all of its params, checked as at the submission; those left out get their defaults",
    ),
  }),
  output: JobView,
  async run(ctx, { job, ...asked }, caller) {
    const row = findJob(ctx, job);
    refuseStranger(ctx.host.uid, row, caller);
    refuseFinished(row);
    if (Object.values(asked).every((value) => value === undefined)) {
      throw new Failure("usage/invalid", "nothing is to be changed", {
        hint: `orch update ${job} --priority 5`,
      });
    }
    const [id] = await ctx.ask({
      type: "change-job",
      jobId: job,
      change: {
        priority: asked.priority === undefined ? undefined : priorityOf(ctx, asked.priority),
        retries: asked.retries,
        timeLimitMs: asked.timeLimitMs,
        notBeforeMs: asked.begin,
        deadlineMs: asked.deadline,
        work: asked.params === undefined ? undefined : newWorkOf(ctx, row, asked.params, caller.key),
      },
    });
    return viewJobById(ctx, id);
  },
});

/** Who is on its way already is refused before anything of the params is looked at, in the scheduler's words. */
function newWorkOf(ctx: Context, row: JobRow, params: z.output<typeof Params>, key: Caller["key"]): NewWork {
  if (row.state !== "held" && row.state !== "queued") {
    throw new Failure("job/state", `job ${row.id} is ${row.state}; only waiting jobs can be changed`, {
      hint: `orch show ${row.id}`,
    });
  }
  if (row.command !== null) {
    throw new Failure("job/state", `job ${row.id} runs a command, which has no params`, {
      hint: `orch cancel ${row.id}, and submit it anew`,
    });
  }
  return reworked(ctx, row, params, key);
}
