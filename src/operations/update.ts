import { z } from "zod";
import { JobId, Treatment } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { Failure } from "../std/failure.ts";
import { findJob, refuseFinished, viewJobById } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";
import { priorityOf } from "./treatment.ts";

const fields = { priority: true, retries: true, timeLimitMs: true, begin: true, deadline: true } as const;
const { priority, retries, timeLimitMs, begin, deadline } = Treatment.pick(fields).shape;

export const update = operation({
  route: "POST /jobs/:job/update",
  summary: "Change the priority, limits or times of a waiting job",
  who: "owner",
  input: z.strictObject({
    job: JobId,
    priority: priority.unwrap().optional(),
    retries: retries.unwrap().optional(),
    timeLimitMs: timeLimitMs.unwrap().optional(),
    begin: begin.unwrap().optional().describe("null, or a time that is past: at once"),
    deadline: deadline.unwrap().optional().describe("null = none"),
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
      },
    });
    return viewJobById(ctx, id);
  },
});
