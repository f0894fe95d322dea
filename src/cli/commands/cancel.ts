import { changeJobs } from "../change-jobs.ts";

export const cancel = changeJobs({
  name: "cancel",
  summary: "Stop running jobs, drop waiting ones",
  examples: ["orch cancel 42", "orch cancel --array 12", "orch cancel $(orch ls -q --runtime sdxl)"],
  route: "POST /jobs/:job/cancel",
  arrayRoute: "POST /arrays/:array/cancel",
});
