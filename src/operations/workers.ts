import { z } from "zod";
import { Flag } from "../protocol/inputs.ts";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { viewWorker } from "./worker-view.ts";

const WORKERS_SHOWN = 1000;

export const workers = operation({
  route: "GET /workers",
  summary: "List workers, newest first",
  who: "all",
  input: z.object({ all: Flag.default(false).describe("also those that are gone") }).strict(),
  output: z.object({ workers: z.array(WorkerView) }),
  async run(ctx, input) {
    const rows = ctx.queries.workers({ live: !input.all, limit: WORKERS_SHOWN });
    return { workers: rows.map((row) => viewWorker(ctx, row)) };
  },
});
