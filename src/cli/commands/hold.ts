import { changeJobs } from "../change-jobs.ts";

export const hold = changeJobs({
  name: "hold",
  summary: "Keep waiting jobs from starting",
  examples: ["orch hold 42"],
  route: "POST /jobs/:job/hold",
});
