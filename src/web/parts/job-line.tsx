import type { ComponentChildren, JSX } from "preact";
import type { JobView } from "../../protocol/views.ts";
import { hrefOf, hrefOfJobs } from "../model/route.ts";
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

/** A job beside others of its array that are told with it. */
interface FoldedProps {
  readonly job: JobView;
  /** How many others. */
  readonly others: number;
}

/** A job, or the part of its array that is in the same list, as a link. */
function LineLink(props: FoldedProps & { readonly children: ComponentChildren }): JSX.Element {
  const { job, others } = props;
  const array = others === 0 ? null : (job.array?.id ?? null);
  return (
    <a href={array === null ? hrefOfJobs({ job: job.id }) : hrefOfJobs({ array })}>
      <span class="id">{array ?? job.id}</span>
      <span class="title">{jobTitle(job)}</span>
      {array !== null && <span class="chip">{others + 1} jobs</span>}
      {props.children}
    </a>
  );
}

/** A job that waits, with its reason and when it is expected to start. */
export function WaitingLine(props: FoldedProps & { readonly eta: string | null }): JSX.Element {
  const { job, eta } = props;
  const reason = job.reason?.text ?? job.state;
  return (
    <li class="job-line">
      <LineLink {...props}>
        <span class="muted">{job.runtime}</span>
      </LineLink>
      <p class="job-line-note">
        <span title={reason}>{reason}</span>
        <span class="numbers">{eta ?? ""}</span>
      </p>
    </li>
  );
}

/** A job that has ended. */
export function EndedLine(props: FoldedProps & { readonly nowMs: number }): JSX.Element {
  const { job, nowMs } = props;
  return (
    <li class="job-line">
      <LineLink {...props}>
        <StateBadge state={job.state} />
      </LineLink>
      <p class="job-line-note">
        <span>{job.reason?.text ?? job.runtime}</span>
        <span class="numbers">{spanText(job.startedAt, job.finishedAt, nowMs)}</span>
      </p>
    </li>
  );
}
