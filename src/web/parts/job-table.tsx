import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ArrayStatus } from "../../protocol/array-status.ts";
import type { JobView } from "../../protocol/views.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { windowOf } from "../model/job-rows.ts";
import { hrefOfJobs } from "../model/route.ts";
import { agoText, inText, spanText } from "../model/units.ts";
import { ArrayRow } from "./array-row.tsx";
import { Progress, StateBadge } from "./basics.tsx";
import { jobTitle } from "./job-line.tsx";
import { wholeMoment } from "./local-time.ts";
import { openBy } from "./open-by.ts";

const phone = window.matchMedia("(max-width: 640px)");
/** Heights of rows, in pixels; as in the style. */
const ROW = 36;
const PHONE_ROW = 60;

/** A long list of jobs: only the rows that are seen are there. */
export function JobTable(props: {
  readonly rows: readonly JobView[];
  /** Those that are one row each. */
  readonly arrays: ReadonlyMap<number, ArrayStatus>;
  /** The array of which these are the jobs; null = of all. */
  readonly array: number | null;
  readonly open: number | null;
  /** How many there are in all; null = not known. */
  readonly total: number | null;
  readonly onLook: (first: number, end: number) => void;
}): JSX.Element {
  const { rows, onLook } = props;
  const box = useRef<HTMLElement>(null);
  const view = useView(box);
  const { first, end } = windowOf(rows.length, view.row, view);
  useEffect(() => onLook(first, end), [onLook, first, end]);
  const starts = useStarts();
  const nowMs = useNow();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys
    <section class="job-table-space" ref={box} tabIndex={0} aria-label="List of jobs">
      <table class="job-table" aria-rowcount={props.total ?? rows.length}>
        <Head />
        <tbody>
          <Spacer height={first * view.row} />
          {rows.slice(first, end).map((job, index) => {
            const array = job.array === null ? undefined : props.arrays.get(job.array.id);
            return array !== undefined ? (
              <ArrayRow
                key={`array ${array.array}`}
                array={array}
                job={job}
                index={first + index}
                nowMs={nowMs}
              />
            ) : (
              <Row
                key={job.id}
                job={job}
                href={hrefOfJobs({ array: props.array, job: job.id })}
                index={first + index}
                isOpen={job.id === props.open}
                startsInMs={starts.get(job.id) ?? null}
                nowMs={nowMs}
              />
            );
          })}
          <Spacer height={(rows.length - end) * view.row} />
        </tbody>
      </table>
    </section>
  );
}

/** What of the list is in sight, and how high its rows are. */
function useView(box: { readonly current: HTMLElement | null }) {
  const [view, setView] = useState({ top: 0, height: 600, row: phone.matches ? PHONE_ROW : ROW });
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = (): void =>
      setView({ top: element.scrollTop, height: element.clientHeight, row: phone.matches ? PHONE_ROW : ROW });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [box]);
  return view;
}

function Head(): JSX.Element {
  return (
    <thead>
      <tr>
        <th scope="col" class="number">
          Job
        </th>
        <th scope="col">State</th>
        <th scope="col">What</th>
        <th scope="col" class="extra">
          Runtime
        </th>
        <th scope="col" class="extra">
          Progress or reason
        </th>
        <th scope="col" class="extra">
          User
        </th>
        <th scope="col" class="number extra">
          Priority
        </th>
        <th scope="col" class="number">
          Took
        </th>
        <th scope="col" class="number extra">
          Submitted
        </th>
      </tr>
    </thead>
  );
}

function Spacer({ height }: { readonly height: number }): JSX.Element | null {
  return height <= 0 ? null : (
    <tr class="spacer">
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

/** When jobs are expected to start, in milliseconds from the last look at the plan. */
function useStarts(): ReadonlyMap<number, number> {
  const { plan } = useLive();
  return new Map(
    plan.flatMap(({ kind, job, inMs }) =>
      kind === "start-job" && job !== null ? [[job, inMs] as const] : [],
    ),
  );
}

function Row(props: {
  readonly job: JobView;
  readonly href: string;
  readonly index: number;
  readonly isOpen: boolean;
  readonly startsInMs: number | null;
  readonly nowMs: number;
}): JSX.Element {
  const { job, href, isOpen, startsInMs, nowMs } = props;
  return (
    <tr aria-rowindex={props.index + 2} class={isOpen ? "is-open" : ""} onClick={openBy(href)}>
      <td class="number id">{job.id}</td>
      <td>
        <StateBadge state={job.state} />
      </td>
      <td class="title">
        <a href={href} aria-current={isOpen ? "true" : undefined}>
          {job.array !== null && <span class="index">[{job.array.index}] </span>}
          {jobTitle(job)}
        </a>
        <span class="second">
          <span class="phone-only">
            {job.state}
            {reasonOf(job, startsInMs) === "" ? "" : " · "}
          </span>
          {reasonOf(job, startsInMs)}
        </span>
      </td>
      <td class="extra">{job.runtime}</td>
      <td class="extra reason">
        {job.state === "running" && job.progress !== null ? (
          <span class="in-row">
            <Progress fraction={job.progress.fraction} label={`Job ${job.id}`} />
            <span>{job.progress.text ?? ""}</span>
          </span>
        ) : (
          reasonOf(job, startsInMs)
        )}
      </td>
      <td class="extra">{job.user}</td>
      <td class="number extra">{job.priority === 0 ? "–" : job.priority}</td>
      <td class="number">{spanText(job.startedAt, job.finishedAt, nowMs)}</td>
      <td class="number extra" title={wholeMoment(job.submittedAt)}>
        {agoText(job.submittedAt, nowMs)}
      </td>
    </tr>
  );
}

function reasonOf(job: JobView, startsInMs: number | null): string {
  if (job.state === "running") return job.progress?.text ?? job.worker ?? "";
  const eta = startsInMs === null || job.state !== "queued" ? "" : ` · ${inText(startsInMs)}`;
  return `${job.reason?.text ?? ""}${eta}`;
}
