import type { JSX } from "preact";
import type { JobView } from "../../protocol/views.ts";
import { hrefOf } from "../model/route.ts";
import { spanText } from "../model/units.ts";
import { Progress, StateBadge } from "./basics.tsx";

/** What people know a job by. */
export function jobTitle({ label, summary, runtime }: JobView): string {
  return label ?? (summary === "" ? runtime : summary);
}

/** A job that runs, in a list beside others. */
export function RunningLine({ job, nowMs }: { readonly job: JobView; readonly nowMs: number }): JSX.Element {
  return (
    <li class="job-line">
      <a href={hrefOf("jobs", job.id)}>
        <span class="id">{job.id}</span>
        <span class="title">{jobTitle(job)}</span>
        <span class="muted">{job.runtime}</span>
      </a>
      <Progress fraction={job.progress?.fraction ?? null} label={`Job ${job.id}`} />
      <p class="job-line-note">
        <span>
          {job.state === "running"
            ? (job.progress?.text ?? job.worker ?? "running")
            : (job.reason?.text ?? "starting")}
        </span>
        <span class="numbers">{spanText(job.startedAt, null, nowMs)}</span>
      </p>
    </li>
  );
}

/** A job that waits, with its reason and when it is expected to start. */
export function WaitingLine({
  job,
  eta,
}: {
  readonly job: JobView;
  readonly eta: string | null;
}): JSX.Element {
  return (
    <li class="job-line">
      <a href={hrefOf("jobs", job.id)}>
        <span class="id">{job.id}</span>
        <span class="title">{jobTitle(job)}</span>
        <span class="muted">{job.runtime}</span>
      </a>
      <p class="job-line-note">
        <span>{job.reason?.text ?? job.state}</span>
        <span class="numbers">{eta ?? ""}</span>
      </p>
    </li>
  );
}

/** A job that has ended. */
export function EndedLine({ job, nowMs }: { readonly job: JobView; readonly nowMs: number }): JSX.Element {
  return (
    <li class="job-line">
      <a href={hrefOf("jobs", job.id)}>
        <span class="id">{job.id}</span>
        <span class="title">{jobTitle(job)}</span>
        <StateBadge state={job.state} />
      </a>
      <p class="job-line-note">
        <span>{job.reason?.text ?? job.runtime}</span>
        <span class="numbers">{spanText(job.startedAt, job.finishedAt, nowMs)}</span>
      </p>
    </li>
  );
}
