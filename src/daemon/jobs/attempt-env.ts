import type { Job } from "../../scheduler/job-model.ts";
import { ownCorrelation } from "../../std/correlation.ts";
import type { JobRow } from "../../store/queries.ts";

/** What tells a program which run of its job it is, and which job of its array. Swept params are ORCH_SWEEP_NAME. */
export function attemptEnv(instanceId: string, job: Job, row: JobRow): Record<string, string> {
  const preemptions = preemptionsOf(job);
  const swept = row.command === null ? [] : Object.entries(row.params);
  return {
    ORCH_CORRELATION: row.correlation ?? ownCorrelation(instanceId, job.id),
    ORCH_ATTEMPT: String(job.attempts),
    ORCH_PREEMPTIONS: String(preemptions),
    ...(preemptions > 0 ? { ORCH_RESUME: "1" } : {}),
    ...(row.arrayId === null ? {} : { ORCH_ARRAY_ID: String(row.arrayId) }),
    ...(row.arrayIndex === null ? {} : { ORCH_ARRAY_INDEX: String(row.arrayIndex) }),
    ...Object.fromEntries(swept.map(([name, value]) => [sweepVariable(name), String(value)])),
  };
}

/** What a command runs: once it was preempted, what it was told to go on with. */
export function commandOf(job: Job, row: JobRow): readonly string[] | null {
  return (preemptionsOf(job) > 0 ? row.resumeCommand : null) ?? row.command;
}

function preemptionsOf(job: Job): number {
  return job.extras?.preemptions ?? 0;
}

function sweepVariable(name: string): string {
  return `ORCH_SWEEP_${name.replaceAll(/[^A-Za-z0-9]/g, "_").toUpperCase()}`;
}
