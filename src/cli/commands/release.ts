import { changeJobs } from "../change-jobs.ts";

export const release = changeJobs({
  name: "release",
  summary: "Let held jobs start",
  examples: ["orch release 42", "orch release --array 12", "orch release $(orch ls -q --state held)"],
  route: "POST /jobs/:job/release",
  arrayRoute: "POST /arrays/:array/release",
});
