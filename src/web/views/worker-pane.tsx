import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { WorkerView } from "../../protocol/views.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { hrefOf, hrefOfJobs } from "../model/route.ts";
import { bytesText, spanText } from "../model/units.ts";
import { doorOf } from "../model/worker-door.ts";
import { ActionButton } from "../parts/actions.tsx";
import { Empty, StateBadge } from "../parts/basics.tsx";
import { type Fact, FactList } from "../parts/fact-list.tsx";
import { Icon } from "../parts/icons.tsx";
import { momentText, wholeMoment } from "../parts/local-time.ts";
import { LogPane, type Writer } from "../parts/log-pane.tsx";

/** One worker: what it is and does, what may be done to it, and what it writes, as it comes. */
export function WorkerPane({ name }: { readonly name: string }): JSX.Element {
  const { workers, status } = useLive();
  const { mayAdmin } = useRights();
  const worker = workers.find((each) => each.name === name);
  // What a program that has ended wrote stays to be read.
  const writer = useRef<Writer>({ worker: name });
  if (worker !== undefined) writer.current = writerOf(worker);
  return (
    <aside class="pane" aria-label={`Worker ${name}`}>
      <header class="pane-head">
        <h2>{name}</h2>
        <a class="icon-button" href={hrefOf("workers")} aria-label="Close">
          <Icon name="close" />
        </a>
      </header>
      {worker === undefined && status !== null && (
        <Empty title="It is gone">What it wrote last is below, as long as its log is kept.</Empty>
      )}
      {worker !== undefined && <About worker={worker} />}
      {mayAdmin ? (
        <LogPane of={writer.current} />
      ) : (
        <p class="muted">What workers write may be about anybody's job: admins alone read it.</p>
      )}
    </aside>
  );
}

/** What runs one job and has no start of its own writes that job's log. */
function writerOf({ name, state, readyAt, jobs }: WorkerView): Writer {
  const job = state === "busy" && readyAt === null ? jobs[0] : undefined;
  return job === undefined ? { worker: name } : { job };
}

function About({ worker }: { readonly worker: WorkerView }): JSX.Element {
  const { mayAdmin } = useRights();
  const door = doorOf(worker);
  return (
    <div class="pane-top">
      <p class="pane-state">
        <StateBadge state={worker.state} />
        {worker.pinned && <span class="chip">pinned</span>}
        <span>{worker.detail}</span>
      </p>
      {(mayAdmin || door !== null) && (
        <div class="actions">
          {mayAdmin && <WorkerActions worker={worker} isWhole={true} />}
          {door !== null && (
            <a class="button" href={door} target="_blank" rel="noreferrer">
              Open its page
            </a>
          )}
        </div>
      )}
      <Facts worker={worker} />
    </div>
  );
}

function Facts({ worker }: { readonly worker: WorkerView }): JSX.Element {
  const nowMs = useNow();
  const { gpus } = useLive();
  const indexOf = new Map(gpus.map(({ uuid, index }) => [uuid, index]));
  const held = worker.gpus.map((uuid) => indexOf.get(uuid) ?? "?").join(", ");
  const memory = worker.vramBytes === null ? "all" : bytesText(worker.vramBytes);
  const facts: readonly Fact[] = [
    ["Runtime", worker.runtime],
    ["Lane", worker.lane],
    ["GPU", held === "" ? "–" : held],
    ["Memory", worker.mode === "none" ? "–" : `${memory}, ${worker.mode}`],
    ["Up", spanText(worker.startedAt, null, nowMs), wholeMoment(worker.startedAt)],
    ["Ready since", momentText(worker.readyAt, nowMs), wholeMoment(worker.readyAt)],
    [
      "Kept until",
      worker.pinned ? "unpinned" : momentText(worker.keptUntil, nowMs),
      wholeMoment(worker.keptUntil),
    ],
    ["At once", `${worker.jobs.length + worker.requests} of ${worker.slots}`],
    ["Process", worker.pid === null ? "–" : String(worker.pid)],
    ...(worker.jobs.length === 0 ? [] : [["Jobs", <JobLinks key="jobs" ids={worker.jobs} />] as const]),
  ];
  return <FactList facts={facts} />;
}

function JobLinks({ ids }: { readonly ids: readonly number[] }): JSX.Element {
  return (
    <>
      {ids.map((id) => (
        <a key={id} href={hrefOfJobs({ job: id })} class="spaced">
          {id}
        </a>
      ))}
    </>
  );
}

/** What admins may do to a worker. @param isWhole also what is seldom done */
export function WorkerActions({
  worker,
  isWhole = false,
}: {
  readonly worker: WorkerView;
  readonly isWhole?: boolean;
}): JSX.Element {
  const { name, pinned, state } = worker;
  const isUp = worker.readyAt !== null && (state === "ready" || state === "busy");
  return (
    <>
      <ActionButton
        label={pinned ? "Unpin" : "Pin"}
        title={pinned ? "Others may have its GPU again" : "Keep it on its GPU whatever else waits"}
        done={`${name} is ${pinned ? "pinned no longer" : "pinned"}`}
        act={() => call("POST /workers/:worker/pin", { worker: name, pinned: !pinned })}
      />
      {state === "asleep" && (
        <ActionButton
          label="Wake"
          done={`${name} is awake`}
          act={() => call("POST /workers/:worker/wake", { worker: name })}
        />
      )}
      {isWhole && isUp && (
        <ActionButton
          label="Sleep"
          title="Gives its GPU memory back, and comes back warm; where its runtime can"
          done={`${name} is asleep`}
          act={() => call("POST /workers/:worker/sleep", { worker: name })}
        />
      )}
      <ActionButton
        label="Stop"
        kind="danger"
        confirm="Stop it?"
        title="Once its jobs are done"
        done={`${name} stops once its jobs are done`}
        act={() => call("POST /workers/:worker/stop", { worker: name })}
      />
    </>
  );
}
