import { command } from "../command.ts";
import { gpuColumns } from "../text/gpu-text.ts";
import { jobColumns, unfinishedStates } from "../text/job-text.ts";
import { workerColumns } from "../text/worker-text.ts";

const JOBS_SHOWN = 20;

export const top = command({
  name: "top",
  summary: "GPUs, workers and jobs at a glance",
  examples: ["orch top", "watch -n 2 orch top"],
  async run({ io, out, connect }) {
    const client = await connect();
    const [status, { jobs, total }] = await Promise.all([
      client.call("GET /status", {}),
      client.call("GET /jobs", { states: unfinishedStates, limit: JOBS_SHOWN }),
    ]);
    out.result(
      { status, jobs, total },
      {
        text() {
          out.table(status.gpus, gpuColumns);
          out.print("");
          out.table(status.workers, workerColumns);
          out.print("");
          out.table(jobs, jobColumns(io.clock.nowMs()));
          if (total > jobs.length) out.note(`${total - jobs.length} more jobs; orch ls -n ${total}`);
        },
      },
    );
    return 0;
  },
});
