import type { JobView } from "../../protocol/views.ts";
import type { Output } from "../output.ts";
import { jobExitCode, jobSentence } from "../text/job-text.ts";
import { oneLine } from "../text/width.ts";

const SHOWN = 10;

/** Says which of many jobs did not succeed and why, on stderr; nothing if all did. */
export function printFailures(out: Output, jobs: readonly JobView[]): void {
  const failed = jobs.filter((job) => jobExitCode(job) !== 0);
  if (failed.length === 0) return;
  out.note(`orch: ${failed.length} of ${jobs.length} jobs did not succeed`);
  for (const job of failed.slice(0, SHOWN)) {
    out.note(`  ${oneLine(jobSentence(job))}`);
  }
  if (failed.length > SHOWN) out.note(`  … and ${failed.length - SHOWN} more`);
  const ids = failed.slice(0, SHOWN).map(({ id }) => id);
  out.note(`  try: orch logs ${ids[0]}; orch retry ${ids.join(" ")}${failed.length > SHOWN ? " …" : ""}`);
}
