import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobView, Reason } from "../protocol/views.ts";
import { findJob, viewJob } from "./job-view.ts";
import { operation } from "./operation.ts";

const AHEAD_SHOWN = 5;

export const why = operation({
  route: "GET /jobs/:job/why",
  summary: "Why a job waits, or why it ended as it did",
  input: z.object({ job: JobId }).strict(),
  output: z.object({
    job: JobView,
    reason: Reason,
    position: z.number().int().nullable().describe("1 = next of its lane; null when it is not queued"),
    ahead: z.array(z.number().int()).describe("the first jobs before it in its lane"),
    lane: z.string(),
  }),
  async run(ctx, input) {
    const row = findJob(ctx, input.job);
    const view = viewJob(ctx, row);
    const job = ctx.state().jobs.get(row.id);
    const isQueued = job?.phase.state === "queued";
    const position = isQueued ? job.lane.queue.ahead(job.id, job.priority) + 1 : null;
    const ahead = isQueued ? job.lane.queue.list(AHEAD_SHOWN + 1).filter((id) => id !== job.id) : [];
    return {
      job: view,
      reason: view.reason ?? plainReason(view.state),
      position,
      ahead: ahead.slice(0, Math.min(AHEAD_SHOWN, (position ?? 1) - 1)),
      lane: row.lane,
    };
  },
});

function plainReason(state: string): z.infer<typeof Reason> {
  return { code: state, text: state === "running" ? "it is running" : `it ${state}` };
}
