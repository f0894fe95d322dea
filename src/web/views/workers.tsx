import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { WorkerView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { hrefOf } from "../model/route.ts";
import { bytesText, spanText } from "../model/units.ts";
import { Empty, Panel, Problem, Segments, StateBadge, TableSpace } from "../parts/basics.tsx";
import { isTyping } from "../parts/keys.ts";
import { momentText } from "../parts/local-time.ts";
import { openBy } from "../parts/open-by.ts";
import { type RangeName, rangeSince, ranges } from "../parts/ranges.ts";
import { SwitchForm } from "../parts/switch-form.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { WorkerActions, WorkerPane } from "./worker-pane.tsx";

/** The workers: which held which GPU when, and what they do now. */
export function WorkersView({ item }: { readonly item: string | null }): JSX.Element {
  const live = useLive();
  const nowMs = useNow();
  const { mayAdmin } = useRights();
  const [chosen, setRange] = useState<RangeName | null>(null);
  const range = chosen ?? rangeSince(live.status?.startedAt, nowMs);
  const lengthMs = ranges[range];
  const load = async (signal: AbortSignal) => {
    const since = new Date(systemClock.nowMs() - lengthMs).toISOString();
    const [{ gpus }, { reservations }] = await Promise.all([
      call("GET /residency", { since }, signal),
      call("GET /reservations", {}, signal),
    ]);
    return { gpus, reservations };
  };
  const past = useLoaded(range, load, 2_000);
  useEscape(item !== null);
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
          {past.value !== null && <Timeline {...past.value} fromMs={nowMs - lengthMs} nowMs={nowMs} />}
        </div>
      </Panel>
      <div class={item === null ? "" : "beside"}>
        <Panel title="Now">
          {live.workers.length === 0 ? (
            <Empty title="No worker is there">The first job of a runtime starts one.</Empty>
          ) : (
            <WorkerTable workers={live.workers} open={item} nowMs={nowMs} />
          )}
        </Panel>
        {item !== null && <WorkerPane key={item} name={item} />}
      </div>
      {mayAdmin && <SwitchForm gpus={live.gpus} />}
    </>
  );
}

/** Escape closes the worker that is open. */
function useEscape(isOpen: boolean): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (isOpen && event.key === "Escape" && !isTyping(event.target))
        window.location.hash = hrefOf("workers");
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [isOpen]);
}

function WorkerTable({
  workers,
  open,
  nowMs,
}: {
  readonly workers: readonly WorkerView[];
  /** The name of the one in detail. */
  readonly open: string | null;
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
            <Row
              key={worker.id}
              worker={worker}
              isOpen={worker.name === open}
              held={worker.gpus.map((uuid) => indexOf.get(uuid) ?? "?").join(", ")}
              nowMs={nowMs}
            />
          ))}
        </tbody>
      </table>
    </TableSpace>
  );
}

function Row(props: {
  readonly worker: WorkerView;
  readonly isOpen: boolean;
  /** Indices of its GPUs. */
  readonly held: string;
  readonly nowMs: number;
}): JSX.Element {
  const { worker, isOpen, held, nowMs } = props;
  const { mayAdmin } = useRights();
  const href = hrefOf("workers", worker.name);
  return (
    <tr class={isOpen ? "is-open" : ""} onClick={openBy(href)}>
      <th scope="row">
        <a href={href} aria-current={isOpen ? "true" : undefined}>
          {worker.name}
        </a>
        {worker.pinned && <span class="chip">pinned</span>}
      </th>
      <td>
        <StateBadge state={worker.state} />
      </td>
      <td>{held === "" ? "–" : held}</td>
      <td class="number">{memoryOf(worker)}</td>
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
          <span class="actions">
            <WorkerActions worker={worker} />
          </span>
        </td>
      )}
    </tr>
  );
}

function memoryOf({ mode, vramBytes }: WorkerView): string {
  if (mode === "none") return "–";
  return vramBytes === null ? "all" : bytesText(vramBytes);
}

function describe({ detail, keptUntil, lane, runtime }: WorkerView, nowMs: number): string {
  const kept = keptUntil === null ? "" : `kept until ${momentText(keptUntil, nowMs)}`;
  return [lane === runtime ? "" : lane, detail, kept].filter((part) => part !== "").join(" · ");
}
