import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RuntimeDetail } from "../../protocol/learned-view.ts";
import type { JobView } from "../../protocol/views.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { hrefOf } from "../model/route.ts";
import { durationText, spanText } from "../model/units.ts";
import { Empty, Panel, Problem, Progress, StateBadge } from "../parts/basics.tsx";
import { jobTitle } from "../parts/job-line.tsx";
import { OutcomeOf } from "../parts/outcome.tsx";
import { UiLinks } from "../parts/ui-links.tsx";
import { needOf } from "./runtimes.tsx";
import { SubmitForm } from "./submit-form.tsx";

const REFRESH_MS = 1_000;
const SHOWN = 12;

/** One runtime: a form made of its params, and what came of the last jobs. */
export function RuntimeView({ name }: { readonly name: string }): JSX.Element {
  const { value: runtime, error } = useLoaded(
    name,
    (signal) => call("GET /runtimes/:runtime", { runtime: name }, signal),
    30_000,
  );
  const recent = useLoaded(
    `jobs of ${name}`,
    (signal) => call("GET /jobs", { runtime: name, limit: SHOWN }, signal),
    REFRESH_MS,
  );
  const { maySubmit } = useRights();
  return (
    <>
      <header class="view-head">
        <div>
          <a class="back" href={hrefOf("runtimes")}>
            Runtimes
          </a>
          <h1>{name}</h1>
          <p class="muted">{runtime?.summary ?? ""}</p>
        </div>
        <UiLinks runtime={name} />
      </header>
      <Problem error={error} />
      <div class="studio">
        <Panel title="New job" tools={<span class="muted">{runtime === null ? "" : aboutOf(runtime)}</span>}>
          {runtime !== null && runtime.problem !== null && <p class="problem">{runtime.problem}</p>}
          {runtime !== null && runtime.problem === null && maySubmit && (
            <SubmitForm runtime={runtime} onSubmitted={recent.reload} />
          )}
          {runtime !== null && !maySubmit && (
            <Empty title="This key may not submit jobs">It needs the scope submit.</Empty>
          )}
        </Panel>
        <Panel title="Results">
          {recent.value?.jobs.length === 0 && (
            <Empty title="Nothing yet">What a job makes is shown here.</Empty>
          )}
          <ul class="results">
            {(recent.value?.jobs ?? []).map((job) => (
              <Result key={job.id} job={job} />
            ))}
          </ul>
        </Panel>
      </div>
    </>
  );
}

/** What a worker takes, what it costs to make it resident, and how long a job takes as far as that was seen. */
function aboutOf(runtime: RuntimeDetail): string {
  const runs = runtime.lanes.flatMap(({ run }) => run ?? []);
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  const meanMs = runs.reduce((sum, run) => sum + run.meanMs * run.count, 0) / count;
  const parts = [needOf(runtime)];
  if (runtime.switchMs !== null) parts.push(`switch ${durationText(runtime.switchMs)}`);
  if (count > 0) parts.push(`a run takes ${durationText(meanMs)}`);
  return parts.join(" · ");
}

function Result({ job }: { readonly job: JobView }): JSX.Element {
  const nowMs = useNow();
  const { running } = useLive();
  const now = running.find(({ id }) => id === job.id) ?? job;
  const isOver = job.finishedAt !== null;
  const card = useRef<HTMLLIElement>(null);
  const isSeen = useSeen(card);
  return (
    <li ref={card} class="result">
      <header>
        <a href={hrefOf("jobs", job.id)}>
          <span class="id">{job.id}</span> <span class="title">{jobTitle(job)}</span>
        </a>
        <StateBadge state={now.state} />
        <span class="numbers muted">{spanText(job.startedAt ?? job.submittedAt, job.finishedAt, nowMs)}</span>
      </header>
      {now.state === "running" && (
        <Progress fraction={now.progress?.fraction ?? null} label={`Job ${job.id}`} />
      )}
      {!isOver && <p class="job-line-note">{now.progress?.text ?? now.reason?.text ?? ""}</p>}
      {job.state === "failed" && <p class="problem">{job.reason?.text}</p>}
      {job.state === "succeeded" && isSeen && <OutcomeOf job={job.id} />}
    </li>
  );
}

/** Whether something has come into sight: what is far below is not fetched. */
function useSeen(element: { readonly current: HTMLElement | null }): boolean {
  const [isSeen, setIsSeen] = useState(false);
  useEffect(() => {
    if (element.current === null || isSeen) return;
    const observer = new IntersectionObserver(
      (entries) => setIsSeen((seen) => seen || entries.some(({ isIntersecting }) => isIntersecting)),
      {
        rootMargin: "300px",
      },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, isSeen]);
  return isSeen;
}
