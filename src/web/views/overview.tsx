import type { JSX } from "preact";
import type { EventView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import { call, stream } from "../live/api.ts";
import type { Live } from "../live/live.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { foldLines } from "../model/array-text.ts";
import { queueOrder } from "../model/queue-order.ts";
import { hrefOf } from "../model/route.ts";
import { countText, gib, inText } from "../model/units.ts";
import { Empty, Figure, Panel } from "../parts/basics.tsx";
import { GpuCard } from "../parts/gpu-card.tsx";
import { EndedLine, RunningLine, WaitingLine } from "../parts/job-line.tsx";
import { momentText } from "../parts/local-time.ts";
import { rangeSince, ranges } from "../parts/ranges.ts";
import { Timeline } from "../parts/timeline.tsx";

const REFRESH_MS = 5_000;
const LINES = 8;
const EVENTS = 14;

/** The host at a glance. */
export function OverviewView(): JSX.Element {
  const live = useLive();
  const nowMs = useNow();
  const range = rangeSince(live.status?.startedAt, nowMs);
  const spanMs = ranges[range];
  const history = useLoaded(`history ${range}`, (signal) => loadHistory(spanMs, signal), REFRESH_MS);
  const historyOf = (uuid: string) => history.value?.gpus.find((gpu) => gpu.uuid === uuid);
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <Figures />
      <section class="gpu-cards" aria-label="GPUs">
        {live.gpus.map((gpu) => (
          <GpuCard key={gpu.uuid} gpu={gpu} history={historyOf(gpu.uuid)} />
        ))}
        {live.status !== null && live.gpus.length === 0 && (
          <Empty title="No GPU is seen here">
            <code>orch doctor</code> tells why; <code>orch up --gpus virtual:2x24GiB</code> pretends.
          </Empty>
        )}
      </section>
      <Panel title="Who held which GPU" tools={<span class="muted">last {range}</span>}>
        <div class="timeline-space">
          {history.value !== null && (
            <Timeline
              gpus={history.value.residency}
              reservations={history.value.reservations}
              fromMs={nowMs - spanMs}
              nowMs={nowMs}
            />
          )}
        </div>
      </Panel>
      <Columns live={live} nowMs={nowMs} />
    </>
  );
}

/** Jobs that run, wait and have ended, and what happened. */
function Columns({ live, nowMs }: { readonly live: Live; readonly nowMs: number }): JSX.Element {
  const waiting = queueOrder(live.waiting, live.plan);
  const lines = foldLines(waiting).slice(0, LINES);
  const ended = foldLines(live.ended.map((job) => ({ job })));
  const queued = live.status?.jobs.queued ?? 0;
  const held = live.status?.jobs.held ?? 0;
  const more = queued + held - lines.reduce((sum, { jobs }) => sum + jobs, 0);
  return (
    <div class="columns">
      <Panel title="Running" tools={<a href={hrefOf("jobs")}>all jobs</a>}>
        <ul class="job-lines">
          {live.running.slice(0, LINES).map((job) => (
            <RunningLine key={job.id} job={job} nowMs={nowMs} />
          ))}
        </ul>
        {live.running.length === 0 && (
          <Empty title="Nothing runs">
            A job of a runtime is submitted under <a href={hrefOf("runtimes")}>Runtimes</a>.
          </Empty>
        )}
        {live.running.length > LINES && <p class="more">and {live.running.length - LINES} more</p>}
      </Panel>
      <Panel
        title="Next"
        tools={
          <span class="muted">
            {countText(queued)} queued, {countText(held)} held
          </span>
        }
      >
        <ul class="job-lines">
          {lines.map(({ line: { job, inMs }, jobs }) => (
            <WaitingLine
              key={job.id}
              job={job}
              others={jobs - 1}
              eta={inMs === null ? null : inText(inMs - (nowMs - live.atMs))}
            />
          ))}
        </ul>
        {waiting.length === 0 && <Empty title="Nothing waits" />}
        {more > 0 && (
          <p class="more">
            and <a href={hrefOf("jobs")}>{countText(more)} more</a>
          </p>
        )}
      </Panel>
      <Panel title="Ended last">
        <ul class="job-lines">
          {ended.slice(0, LINES).map(({ line: { job }, jobs }) => (
            <EndedLine key={job.id} job={job} others={jobs - 1} nowMs={nowMs} />
          ))}
        </ul>
        {live.ended.length === 0 && <Empty title="Nothing has ended yet" />}
      </Panel>
      <Events nowMs={nowMs} />
    </div>
  );
}

async function loadHistory(spanMs: number, signal: AbortSignal) {
  const since = new Date(systemClock.nowMs() - spanMs).toISOString();
  const [{ gpus }, { gpus: residency }, { reservations }] = await Promise.all([
    call("GET /gpus/history", { since, points: 100 }, signal),
    call("GET /residency", { since }, signal),
    call("GET /reservations", {}, signal),
  ]);
  return { gpus, residency, reservations };
}

function Figures(): JSX.Element {
  const { status, gpus } = useLive();
  const jobs = status?.jobs;
  const held = gpus.filter(({ leases }) => leases.length > 0).length;
  const reserved = gpus.reduce((sum, { memory }) => sum + memory.reservedBytes, 0);
  const total = gpus.reduce((sum, { memory }) => sum + memory.totalBytes, 0);
  const watts = gpus.flatMap(({ powerWatts }) => powerWatts ?? []);
  return (
    <section class="figures" aria-label="In figures">
      <Figure
        label="running"
        value={jobs === undefined ? "–" : countText(jobs.running + jobs.starting)}
        href={hrefOf("jobs")}
      />
      <Figure
        label="queued"
        value={jobs === undefined ? "–" : countText(jobs.queued)}
        href={hrefOf("jobs")}
      />
      <Figure label="succeeded" value={jobs === undefined ? "–" : countText(jobs.succeeded)} />
      <Figure label="failed" value={jobs === undefined ? "–" : countText(jobs.failed)} />
      <Figure label="GPUs held" value={`${held} / ${gpus.length}`} href={hrefOf("gpus")} />
      <Figure label="GiB reserved" value={`${gib(reserved)} / ${gib(total)}`} />
      <Figure
        label="power"
        value={watts.length === 0 ? "–" : `${Math.round(watts.reduce((sum, each) => sum + each, 0))} W`}
      />
    </section>
  );
}

function Events({ nowMs }: { readonly nowMs: number }): JSX.Element {
  const { value } = useLoaded("events", loadEvents, 2_000);
  return (
    <Panel title="Events">
      <ol class="events">
        {(value ?? []).map((event) => (
          <li key={event.seq}>
            <time dateTime={event.at}>{momentText(event.at, nowMs)}</time>
            <span class="event-about">
              {event.worker ?? (event.job === null ? (event.gpu ?? "") : `job ${event.job}`)}
            </span>
            <span>{event.text}</span>
          </li>
        ))}
      </ol>
      {value?.length === 0 && <Empty title="Nothing has happened yet" />}
    </Panel>
  );
}

async function loadEvents(signal: AbortSignal): Promise<EventView[]> {
  const events: EventView[] = [];
  for await (const event of stream("GET /events", { limit: EVENTS }, signal)) events.push(event);
  return events.toReversed();
}
