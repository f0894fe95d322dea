import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { WorkerView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { hrefOf } from "../model/route.ts";
import { bytesText, spanText } from "../model/units.ts";
import { ActionButton } from "../parts/actions.tsx";
import { Empty, Panel, Problem, Segments, StateBadge, TableSpace } from "../parts/basics.tsx";
import { momentText } from "../parts/local-time.ts";
import { type RangeName, rangeSince, ranges } from "../parts/ranges.ts";
import { SwitchForm } from "../parts/switch-form.tsx";
import { Timeline } from "../parts/timeline.tsx";

/** The workers: which held which GPU when, and what they do now. */
export function WorkersView(): JSX.Element {
  const live = useLive();
  const nowMs = useNow();
  const { mayAdmin } = useRights();
  const [chosen, setRange] = useState<RangeName | null>(null);
  const range = chosen ?? rangeSince(live.status?.startedAt, nowMs);
  const lengthMs = ranges[range];
  const load = (signal: AbortSignal) =>
    call("GET /residency", { since: new Date(systemClock.nowMs() - lengthMs).toISOString() }, signal);
  const past = useLoaded(range, load, 2_000);
  return (
    <>
      <header class="view-head">
        <h1>Workers</h1>
        <Segments
          label="How far back"
          chosen={range}
          onChoose={setRange}
          options={(Object.keys(ranges) as RangeName[]).map((value) => ({ value, title: value }))}
        />
      </header>
      <Problem error={past.error} />
      <Panel title="Residency" tools={<span class="muted">hatched: starting</span>}>
        <div class="timeline-space">
          {past.value !== null && <Timeline gpus={past.value.gpus} fromMs={nowMs - lengthMs} toMs={nowMs} />}
        </div>
      </Panel>
      {mayAdmin && <SwitchForm gpus={live.gpus} />}
      <Panel title="Now">
        {live.workers.length === 0 ? (
          <Empty title="No worker is there">The first job of a runtime starts one.</Empty>
        ) : (
          <WorkerTable workers={live.workers} nowMs={nowMs} />
        )}
      </Panel>
    </>
  );
}

function WorkerTable({
  workers,
  nowMs,
}: {
  readonly workers: readonly WorkerView[];
  readonly nowMs: number;
}): JSX.Element {
  const { gpus } = useLive();
  const { mayAdmin } = useRights();
  const indexOf = new Map(gpus.map(({ uuid, index }) => [uuid, index]));
  return (
    <TableSpace label="Workers">
      <table class="worker-table">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col">GPU</th>
            <th scope="col" class="number">
              Memory
            </th>
            <th scope="col">Jobs</th>
            <th scope="col">What it does</th>
            <th scope="col" class="number">
              Up
            </th>
            {mayAdmin && <th scope="col">Actions</th>}
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <tr key={worker.id}>
              <th scope="row">
                {worker.name}
                {worker.pinned && <span class="chip">pinned</span>}
              </th>
              <td>
                <StateBadge state={worker.state} />
              </td>
              <td>{worker.gpus.map((uuid) => indexOf.get(uuid) ?? "?").join(", ") || "–"}</td>
              <td class="number">{worker.vramBytes === null ? "all" : bytesText(worker.vramBytes)}</td>
              <td>
                {worker.jobs.length === 0
                  ? "–"
                  : worker.jobs.map((id) => (
                      <a key={id} href={hrefOf("jobs", id)} class="spaced">
                        {id}
                      </a>
                    ))}
              </td>
              <td class="wide">{describe(worker, nowMs)}</td>
              <td class="number">{spanText(worker.startedAt, null, nowMs)}</td>
              {mayAdmin && (
                <td>
                  <WorkerActions worker={worker} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </TableSpace>
  );
}

function describe({ detail, keptUntil, lane, runtime }: WorkerView, nowMs: number): string {
  const kept = keptUntil === null ? "" : `kept until ${momentText(keptUntil, nowMs)}`;
  return [lane === runtime ? "" : lane, detail, kept].filter((part) => part !== "").join(" · ");
}

function WorkerActions({ worker }: { readonly worker: WorkerView }): JSX.Element {
  const { name, pinned, state } = worker;
  return (
    <span class="actions">
      <ActionButton
        label={pinned ? "Unpin" : "Pin"}
        title={pinned ? "Others may have its GPU again" : "Keep it on its GPU whatever else waits"}
        done={`${name} is ${pinned ? "pinned no longer" : "pinned"}`}
        act={() => call("POST /workers/:worker/pin", { worker: name, pinned: !pinned })}
      />
      {state === "asleep" ? (
        <ActionButton
          label="Wake"
          done={`${name} wakes up`}
          act={() => call("POST /workers/:worker/wake", { worker: name })}
        />
      ) : null}
      <ActionButton
        label="Stop"
        kind="danger"
        confirm="Stop it?"
        title="Once its jobs are done"
        done={`${name} stops once its jobs are done`}
        act={() => call("POST /workers/:worker/stop", { worker: name })}
      />
    </span>
  );
}
