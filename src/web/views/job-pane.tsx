import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { JobDetail } from "../../protocol/views.ts";
import { call } from "../live/api.ts";
import { keepDraft } from "../live/drafts.ts";
import { useRights } from "../live/session.ts";
import { useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { hrefOf, hrefOfJobs } from "../model/route.ts";
import { textsOf } from "../model/runtime-form.ts";
import { durationText, inText, spanText } from "../model/units.ts";
import { ActionButton, useAction } from "../parts/actions.tsx";
import { Problem, Progress, StateBadge } from "../parts/basics.tsx";
import { type Fact, FactList } from "../parts/fact-list.tsx";
import { Icon } from "../parts/icons.tsx";
import { jobTitle } from "../parts/job-line.tsx";
import { LifeBar } from "../parts/life-bar.tsx";
import { momentText, wholeMoment } from "../parts/local-time.ts";
import { LogPane } from "../parts/log-pane.tsx";
import { Outcome } from "../parts/outcome.tsx";

const REFRESH_MS = 1_000;

/** One job: what it is, why it waits, what it does and writes, what came of it; and what may be done to it. */
export function JobPane({
  id,
  closed,
}: {
  readonly id: number;
  /** Where one is once it is closed. */
  readonly closed: string;
}): JSX.Element {
  const load = async (signal: AbortSignal) => {
    const job = await call("GET /jobs/:job", { job: id }, signal);
    const isWaiting = job.state === "queued" || job.state === "held";
    const why = isWaiting ? await call("GET /jobs/:job/why", { job: id }, signal) : null;
    return { job, why };
  };
  const { value, error, reload } = useLoaded(`job ${id}`, load, REFRESH_MS);
  return (
    <aside class="pane" aria-label={`Job ${id}`}>
      <header class="pane-head">
        <h2>
          <span class="id">{id}</span> {value === null ? "" : jobTitle(value.job)}
        </h2>
        <a class="icon-button" href={closed} aria-label="Close">
          <Icon name="close" />
        </a>
      </header>
      <Problem error={error} />
      {value !== null && (
        <>
          <Top job={value.job} onDone={reload} />
          {value.why?.eta != null && (
            <p class="eta">
              Starts <b>{inText(value.why.eta.inMs)}</b>
              {value.why.position === null ? "" : `, number ${value.why.position} of ${value.why.lane}`}
            </p>
          )}
          <Facts job={value.job} />
          <LifeBar life={value.job.life} />
          <Params job={value.job} />
          <Outcome job={value.job} />
          {value.job.attempts > 0 && <LogPane key={value.job.attempts} of={{ job: id }} />}
          <Timeline job={value.job} />
        </>
      )}
    </aside>
  );
}

function Top({ job, onDone }: { readonly job: JobDetail; readonly onDone: () => void }): JSX.Element {
  return (
    <div class="pane-top">
      <p class="pane-state">
        <StateBadge state={job.state} />
        {job.exitCode !== null && job.exitCode !== 0 && <span class="muted">exit code {job.exitCode}</span>}
        {job.progress !== null && <span>{job.progress.text}</span>}
      </p>
      {(job.state === "running" || job.state === "starting") && (
        <Progress fraction={job.progress?.fraction ?? null} label="Progress" />
      )}
      {job.reason !== null && (
        <p class={job.state === "failed" ? "problem" : "reason-text"}>{job.reason.text}</p>
      )}
      <Actions job={job} onDone={onDone} />
    </div>
  );
}

function Actions({
  job,
  onDone,
}: {
  readonly job: JobDetail;
  readonly onDone: () => void;
}): JSX.Element | null {
  const { mayChange } = useRights();
  if (!mayChange(job)) return null;
  const { id, state } = job;
  const isOver = job.finishedAt !== null;
  const isWaiting = state === "queued" || state === "held";
  const after = onDone;
  return (
    <div class="actions">
      {!isOver && (
        <ActionButton
          label="Cancel"
          kind="danger"
          confirm="Cancel it?"
          done={`Job ${id} is cancelled`}
          after={after}
          act={() => call("POST /jobs/:job/cancel", { job: id })}
        />
      )}
      {state === "queued" && (
        <ActionButton
          label="Hold"
          done={`Job ${id} is held`}
          after={after}
          act={() => call("POST /jobs/:job/hold", { job: id })}
        />
      )}
      {state === "held" && (
        <ActionButton
          label="Release"
          done={`Job ${id} is queued`}
          after={after}
          act={() => call("POST /jobs/:job/release", { job: id })}
        />
      )}
      {isOver && (
        <ActionButton
          label="Retry"
          done={`Job ${id} is queued again as a new job`}
          act={async () => {
            const fresh = await call("POST /jobs/:job/retry", { job: id });
            window.location.hash = hrefOf("jobs", fresh.id);
          }}
        />
      )}
      {job.command === null && (
        <a
          class="button"
          href={hrefOf("runtimes", job.runtime)}
          onClick={() => keepDraft(job.runtime, textsOf(job.params))}
        >
          Use its params
        </a>
      )}
      {isWaiting && <PriorityForm job={job} onDone={onDone} />}
    </div>
  );
}

function PriorityForm({
  job,
  onDone,
}: {
  readonly job: JobDetail;
  readonly onDone: () => void;
}): JSX.Element {
  const { run, isBusy } = useAction();
  const [text, setText] = useState(String(job.priority));
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const priority = Number(text);
    run(
      () => call("POST /jobs/:job/update", { job: job.id, priority }),
      `Job ${job.id} has priority ${priority}`,
      onDone,
    );
  };
  return (
    <form class="priority" onSubmit={submit}>
      <label for="priority">Priority</label>
      <input
        id="priority"
        type="number"
        min={-1000}
        max={1000}
        required
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" class="button" disabled={isBusy || text === String(job.priority)}>
        Set
      </button>
    </form>
  );
}

function Facts({ job }: { readonly job: JobDetail }): JSX.Element {
  const nowMs = useNow();
  const facts: readonly Fact[] = [
    ["Runtime", job.runtime],
    ["User", job.user],
    ["Worker", job.worker ?? "–"],
    ["Submitted", momentText(job.submittedAt, nowMs), wholeMoment(job.submittedAt)],
    ["Started", momentText(job.startedAt, nowMs), wholeMoment(job.startedAt)],
    ["Ended", momentText(job.finishedAt, nowMs), wholeMoment(job.finishedAt)],
    ["Waited", spanText(job.submittedAt, job.startedAt ?? job.finishedAt, nowMs)],
    ["Took", spanText(job.startedAt, job.finishedAt, nowMs)],
    ...(job.priority === 0 ? [] : [["Priority", String(job.priority)] as const]),
    ...(job.attempts > 1 ? [["Attempts", String(job.attempts)] as const] : []),
    ...(job.timeLimitMs === null ? [] : [["Time limit", durationText(job.timeLimitMs)] as const]),
    ...(job.deadline === null
      ? []
      : [["Deadline", momentText(job.deadline, nowMs), wholeMoment(job.deadline)] as const]),
    ...(job.array === null ? [] : [["Array", <ArrayLink key="array" array={job.array} />] as const]),
    ...(job.after.length === 0 ? [] : [["After", job.after.join(", ")] as const]),
    ...Object.entries(job.labels).map(([name, value]) => [name, value] as const),
  ];
  return <FactList facts={facts} />;
}

function ArrayLink({ array }: { readonly array: NonNullable<JobDetail["array"]> }): JSX.Element {
  return (
    <>
      <a href={hrefOfJobs({ array: array.id })}>{array.id}</a>, number {array.index}
    </>
  );
}

function Params({ job }: { readonly job: JobDetail }): JSX.Element | null {
  const entries = Object.entries(job.params);
  if (job.command !== null) return <pre class="output is-command">{job.command.join(" ")}</pre>;
  if (entries.length === 0) return null;
  return (
    <section aria-label="Params">
      <h3>Params</h3>
      <dl class="params">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Timeline({ job }: { readonly job: JobDetail }): JSX.Element {
  const nowMs = useNow(10_000);
  return (
    <section aria-label="Events of the job">
      <h3>Events</h3>
      <ol class="events">
        {job.timeline.slice(-100).map((event) => (
          <li key={event.seq}>
            <time dateTime={event.at} title={wholeMoment(event.at)}>
              {momentText(event.at, nowMs)}
            </time>
            <span>{event.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
