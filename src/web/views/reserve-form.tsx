import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { systemClock } from "../../std/clock.ts";
import { call } from "../live/api.ts";
import { useLive } from "../live/use-live.ts";
import { type ReserveDraft, readReserve } from "../model/reserve-request.ts";
import { useAction } from "../parts/actions.tsx";
import { Panel } from "../parts/basics.tsx";

const empty: ReserveDraft = { start: "", length: "2h", gpus: [], count: "1", users: "", name: "" };

/** Keeps GPUs for somebody for a while. */
export function ReserveForm({ onDone }: { readonly onDone: () => void }): JSX.Element {
  const { run, isBusy } = useAction();
  const [draft, setDraft] = useState(empty);
  const read = readReserve(draft, systemClock.nowMs());
  const change = (part: Partial<ReserveDraft>): void => setDraft((known) => ({ ...known, ...part }));
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if ("problem" in read) return;
    run(
      () => call("POST /reservations", read.input),
      "The GPUs are reserved",
      () => {
        setDraft(empty);
        onDone();
      },
    );
  };
  return (
    <Panel
      title="Reserve"
      tools={<span class="muted">work of others that ends before still runs there</span>}
    >
      <form class="reserve-form" onSubmit={submit}>
        <label>
          Begins
          <input
            type="datetime-local"
            value={draft.start}
            onInput={(event) => change({ start: event.currentTarget.value })}
          />
        </label>
        <Text
          id="for"
          label="For"
          text={draft.length}
          placeholder="2h"
          onText={(length) => change({ length })}
        />
        <Text
          id="count"
          label="GPUs"
          text={draft.count}
          placeholder="1"
          onText={(count) => change({ count })}
        />
        <GpuChoice draft={draft} onChange={change} />
        <Text
          id="users"
          label="Users"
          text={draft.users}
          placeholder="you"
          onText={(users) => change({ users })}
        />
        <Text
          id="name"
          label="Name"
          text={draft.name}
          placeholder="made up"
          onText={(name) => change({ name })}
        />
        <button type="submit" class="button is-main" disabled={isBusy || "problem" in read}>
          Reserve
        </button>
      </form>
      <p class={"problem" in read ? "wrong" : "muted"} role="status">
        {"problem" in read ? read.problem : draft.start === "" ? "Without a time it begins now." : ""}
      </p>
    </Panel>
  );
}

function GpuChoice(props: {
  readonly draft: ReserveDraft;
  readonly onChange: (part: Partial<ReserveDraft>) => void;
}): JSX.Element {
  const { gpus } = useLive();
  const { draft, onChange } = props;
  return (
    <fieldset class="choices">
      <legend>Which (none: any)</legend>
      {gpus.map(({ index, uuid }) => (
        <label key={uuid}>
          <input
            type="checkbox"
            aria-label={`GPU ${index}`}
            checked={draft.gpus.includes(uuid)}
            onChange={(event) => onChange(choose(draft, uuid, event.currentTarget.checked))}
          />
          {index}
        </label>
      ))}
    </fieldset>
  );
}

/** With or without a GPU, and as many as are chosen. */
function choose({ gpus }: ReserveDraft, uuid: string, isChosen: boolean): Partial<ReserveDraft> {
  const chosen = isChosen ? [...gpus, uuid] : gpus.filter((each) => each !== uuid);
  return { gpus: chosen, count: String(Math.max(1, chosen.length)) };
}

function Text(props: {
  readonly id: string;
  readonly label: string;
  readonly text: string;
  readonly placeholder: string;
  readonly onText: (text: string) => void;
}): JSX.Element {
  return (
    <label>
      {props.label}
      <input
        id={`reserve-${props.id}`}
        type="text"
        value={props.text}
        placeholder={props.placeholder}
        onInput={(event) => props.onText(event.currentTarget.value)}
      />
    </label>
  );
}
