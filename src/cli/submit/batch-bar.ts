import type { JobView } from "../../protocol/views.ts";
import type { Context } from "../context.ts";
import { isFinished, jobExitCode } from "../text/job-text.ts";
import { bar, createRate } from "../text/progress-text.ts";

/** One line for many jobs: "[####------]  40% 40 of 100 done, 2 failed, 4 running, 3.1/s, 20 s left". */
export interface BatchBar {
  onJob(job: JobView): void;
  close(): void;
}

/** Redrawn whenever one of `total` jobs changes. Nothing where stderr is no terminal. */
export function createBatchBar({ out, io }: Context, total: number): BatchBar {
  const states = new Map<number, "done" | "failed" | "running" | "waiting">();
  const rate = createRate();
  const count = (wanted: string): number => [...states.values()].filter((state) => state === wanted).length;
  return {
    onJob(job) {
      if (!out.interactive || out.format.quiet) return;
      states.set(job.id, stateOf(job));
      const failed = count("failed");
      const over = count("done") + failed;
      const running = count("running");
      rate.note(over / total, `${over}/${total}`, io.clock.monotonicMs());
      const parts = [
        `${over} of ${total} done`,
        ...(failed === 0 ? [] : [`${failed} failed`]),
        ...(running === 0 ? [] : [`${running} running`]),
      ];
      out.progress(`${bar(over / total)} ${parts.join(", ")}${rate.text()}`);
    },
    close: () => out.progress(null),
  };
}

function stateOf(job: JobView): "done" | "failed" | "running" | "waiting" {
  if (isFinished(job)) return job.state === "succeeded" && jobExitCode(job) === 0 ? "done" : "failed";
  return job.state === "running" || job.state === "starting" ? "running" : "waiting";
}
