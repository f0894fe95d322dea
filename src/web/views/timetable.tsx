import type { JSX } from "preact";
import type { ReservationView, ScheduleView } from "../../protocol/timetable.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { hrefOf, hrefOfJobs } from "../model/route.ts";
import { inText } from "../model/units.ts";
import { ActionButton } from "../parts/actions.tsx";
import { Empty, Panel, Problem, StateBadge } from "../parts/basics.tsx";
import { localTimeZone, momentText, wholeMoment, zonedMoment } from "../parts/local-time.ts";
import { ReserveForm } from "./reserve-form.tsx";

const REFRESH_MS = 2_000;

/** What happens at a set time: jobs that are submitted again and again, and GPUs that are kept for somebody. */
export function TimetableView(): JSX.Element {
  const schedules = useLoaded("schedules", (signal) => call("GET /schedules", {}, signal), REFRESH_MS);
  const reserved = useLoaded("reservations", (signal) => call("GET /reservations", {}, signal), REFRESH_MS);
  const { mayAdmin, maySubmit } = useRights();
  return (
    <>
      <header class="view-head">
        <h1>Timetable</h1>
        <span class="muted">times of {localTimeZone}</span>
      </header>
      <Panel
        title="Schedules"
        tools={maySubmit && <a href={hrefOf("runtimes")}>add one with a runtime's form</a>}
      >
        <Problem error={schedules.error} />
        {schedules.value?.schedules.length === 0 && (
          <Empty title="Nothing is submitted by the clock">
            A runtime's form has “Schedule”; or <code>orch schedule add "0 3 * * *" -- run …</code>
          </Empty>
        )}
        <ul class="entries" aria-label="Schedules">
          {(schedules.value?.schedules ?? []).map((schedule) => (
            <ScheduleEntry key={schedule.id} schedule={schedule} onDone={schedules.reload} />
          ))}
        </ul>
      </Panel>
      <Panel title="Reservations" tools={<span class="muted">nobody else's work reaches into them</span>}>
        <Problem error={reserved.error} />
        {reserved.value?.reservations.length === 0 && <Empty title="No GPU is reserved" />}
        <ul class="entries" aria-label="Reservations">
          {(reserved.value?.reservations ?? []).map((reservation) => (
            <ReservationEntry key={reservation.id} reservation={reservation} onDone={reserved.reload} />
          ))}
        </ul>
      </Panel>
      {mayAdmin && <ReserveForm onDone={reserved.reload} />}
    </>
  );
}

function ScheduleEntry({
  schedule,
  onDone,
}: {
  readonly schedule: ScheduleView;
  readonly onDone: () => void;
}): JSX.Element {
  const nowMs = useNow();
  const { name, line, timeZone, description, paused, next, lastJob, lastError } = schedule;
  return (
    <li class="entry" aria-label={`Schedule ${name}`}>
      <div class="entry-what">
        <b>{name}</b>
        <span class="muted">{schedule.summary}</span>
      </div>
      <div>
        <span>{description ?? <code>{line}</code>}</span>
        <span class="muted">
          {description !== null && <code>{line}</code>} {timeZone}
        </span>
      </div>
      <div>
        {paused && <span class="chip">paused</span>}
        {next !== null && (
          <>
            <span title={wholeMoment(next)}>
              next {momentText(next, nowMs)}, {inText(Date.parse(next) - nowMs)}
            </span>
            {timeZone !== localTimeZone && <span class="muted">there {zonedMoment(next, timeZone)}</span>}
          </>
        )}
        {next === null && !paused && <span class="muted">never fires again</span>}
      </div>
      <div>
        {lastJob === null ? (
          <span class="muted">never fired</span>
        ) : (
          <a href={hrefOfJobs({ job: lastJob.id })}>
            last: {lastJob.id} <StateBadge state={lastJob.state} />
          </a>
        )}
        {lastError !== null && <span class="trouble">{lastError}</span>}
      </div>
      <ScheduleActions schedule={schedule} onDone={onDone} />
    </li>
  );
}

function ScheduleActions(props: {
  readonly schedule: ScheduleView;
  readonly onDone: () => void;
}): JSX.Element | null {
  const { schedule, onDone } = props;
  const { name, paused } = schedule;
  const { mayChange } = useRights();
  if (!mayChange(schedule)) return null;
  const asked = { schedule: String(schedule.id) };
  return (
    <div class="actions">
      <ActionButton
        label={paused ? "Resume" : "Pause"}
        done={`${name} ${paused ? "goes on" : "is paused"}`}
        after={onDone}
        act={() => call("POST /schedules/:schedule/pause", { ...asked, paused: !paused })}
      />
      <ActionButton
        label="Run now"
        title="Once; its timetable stays as it is"
        done={`The job of ${name} is queued`}
        after={onDone}
        act={() => call("POST /schedules/:schedule/run-now", asked)}
      />
      <ActionButton
        label="Remove"
        kind="danger"
        confirm="Remove it?"
        title="Its jobs stay"
        done={`${name} is removed`}
        after={onDone}
        act={() => call("POST /schedules/:schedule/remove", asked)}
      />
    </div>
  );
}

function namesOf(gpus: ReservationView["gpus"]): string {
  const byIndex = gpus.toSorted((left, right) => (left.index ?? 0) - (right.index ?? 0));
  return byIndex.map(({ index, uuid }) => index ?? uuid).join(", ");
}

function ReservationEntry({
  reservation,
  onDone,
}: {
  readonly reservation: ReservationView;
  readonly onDone: () => void;
}): JSX.Element {
  const nowMs = useNow();
  const { mayAdmin } = useRights();
  const { id, name, state, gpus, start, end, users, groups, owner } = reservation;
  const isActive = state === "active";
  return (
    <li class="entry" aria-label={`Reservation ${name}`}>
      <div class="entry-what">
        <b>{name}</b>
        <span class="muted">by {owner}</span>
      </div>
      <div>
        <span>
          {gpus.length === 1 ? "GPU" : "GPUs"} {namesOf(gpus)}
        </span>
        <span class="muted">for {[...users, ...groups.map((group) => `group ${group}`)].join(", ")}</span>
      </div>
      <div>
        <span title={`${wholeMoment(start)} to ${wholeMoment(end)}`}>
          {momentText(start, nowMs)} – {momentText(end, nowMs)}
        </span>
        <span class={isActive ? "state is-running" : "muted"}>
          {isActive
            ? `now, ends ${inText(Date.parse(end) - nowMs)}`
            : `begins ${inText(Date.parse(start) - nowMs)}`}
        </span>
      </div>
      {mayAdmin && (
        <div class="actions">
          <ActionButton
            label="Remove"
            kind="danger"
            confirm="Give it up?"
            done={`Reservation ${name} is given up`}
            after={onDone}
            act={() => call("POST /reservations/:reservation/remove", { reservation: String(id) })}
          />
        </div>
      )}
    </li>
  );
}
