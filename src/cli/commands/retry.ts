import { changeJobs } from "../change-jobs.ts";

export const retry = changeJobs({
  name: "retry",
  summary: "Queue finished jobs once more, as new ones",
  examples: ["orch retry 42", "orch retry $(orch ls -q --state failed)"],
  route: "POST /jobs/:job/retry",
});
