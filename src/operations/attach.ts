import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";
import { findJob, viewJob } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

export const attach = operation({
  route: "GET /jobs/:job/terminal",
  summary: "Where the terminal of a job is reached",
  who: "owner",
  input: z.object({ job: JobId }).strict(),
  output: z.object({
    job: JobView,
    socket: z
      .string()
      .nullable()
      .describe("a Unix socket that is there soon after the job's start; null unless it runs"),
  }),
  async run(ctx, input, caller) {
    const row = findJob(ctx, input.job);
    refuseStranger(ctx.host.uid, row, caller);
    if (row.terminal === null) throw noTerminal(row);
    const isRunning = row.state === "running" && row.workerId !== null;
    return {
      job: viewJob(ctx, row),
      socket: isRunning ? ctx.places.terminalSocket(row.workerId) : null,
    };
  },
});

function noTerminal({ id, finishedAtMs }: JobRow): Failure {
  return new Failure("job/state", `job ${id} has no terminal`, {
    why: "only commands that are run with --pty have one",
    hint: finishedAtMs === null ? `orch logs -f ${id}` : `orch logs ${id}`,
  });
}
