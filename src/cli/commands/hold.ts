import { changeJobs } from "../change-jobs.ts";

export const hold = changeJobs({
  name: "hold",
  summary: "Keep waiting jobs from starting",
  examples: ["orch hold 42", "orch hold --array 12"],
  route: "POST /jobs/:job/hold",
  arrayRoute: "POST /arrays/:array/hold",
});
