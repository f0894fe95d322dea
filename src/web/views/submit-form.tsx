import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { RuntimeView as RuntimeData } from "../../protocol/views.ts";
import { call, errorText } from "../live/api.ts";
import { draftOf, keepDraft } from "../live/drafts.ts";
import { useFeed } from "../live/use-live.ts";
import { type Counted, countValues } from "../model/many.ts";
import { hrefOf, hrefOfJobs } from "../model/route.ts";
import { type Field, fittingTexts, formOf, type ReadForm, readForm } from "../model/runtime-form.ts";
import {
  arrayRequest,
  countPlan,
  newPlan,
  type Plan,
  scheduleRequest,
  sweptOf,
} from "../model/submission.ts";
import { countText } from "../model/units.ts";
import { FieldInput, type FieldSweep } from "../parts/field-input.tsx";
import { localTimeZone, momentText } from "../parts/local-time.ts";
import { ManyInput } from "./many-input.tsx";

/** A form for new jobs of a runtime: one, an array, a sweep, or one each time that a cron line fires. */
export function SubmitForm({
  runtime,
  onSubmitted,
}: {
  readonly runtime: RuntimeData;
  readonly onSubmitted: () => void;
}): JSX.Element {
  const fields = formOf(runtime.params);
  const [texts, setTexts] = useState(fittingTexts(fields, draftOf(runtime.name)));
  const [plan, setPlan] = useState<Plan>(newPlan(localTimeZone));
  const [priority, setPriority] = useState("0");
  const [isTried, setIsTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const swept = sweptOf(plan);
  const { params, problems } = readForm(
    fields.filter(({ name }) => swept[name] === undefined),
    texts,
  );
  const counted = countPlan(plan);
  const work = useSubmit(runtime.name, () => {
    setIsTried(false);
    onSubmitted();
  });
  const fill = (name: string, text: string): void => {
    const filled = { ...texts, [name]: text };
    keepDraft(runtime.name, filled);
    setTexts(filled);
  };
  const submit = (event?: Event): void => {
    event?.preventDefault();
    setIsTried(true);
    const wrong = fields.find(({ name }) => problems[name] !== undefined)?.name ?? wrongOf(counted, plan);
    if (wrong === null) work.submit(params, plan, Number(priority));
    else form.current?.querySelector<HTMLElement>(`#${CSS.escape(`new-${wrong}`)}`)?.focus();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  };
  return (
    <form ref={form} class="submit-form" onSubmit={submit} onKeyDown={press} noValidate>
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          idPrefix="new"
          text={texts[field.name] ?? field.initial}
          problem={isTried ? (problems[field.name] ?? null) : null}
          onText={(text) => fill(field.name, text)}
          {...(plan.mode === "sweep" && { sweep: sweepOf(field, plan, setPlan) })}
        />
      ))}
      {fields.length === 0 && <p class="muted">It takes no params.</p>}
      <ManyInput plan={plan} onPlan={setPlan} counted={counted} isTried={isTried} />
      <SubmitRow
        priority={priority}
        onPriority={setPriority}
        isBusy={work.isBusy}
        label={labelOf(plan, counted)}
      />
      <Said {...work} />
    </form>
  );
}

function Said({ error, done }: Pick<Work, "error" | "done">): JSX.Element {
  return (
    <>
      {error !== null && (
        <p class="problem" role="alert">
          {errorText(error)}
        </p>
      )}
      {done !== null && (
        <p class="done" role="status">
          {done}
        </p>
      )}
    </>
  );
}

/** The field to go to where the count is wrong. */
function wrongOf(counted: Counted | null, { mode, values }: Plan): string | null {
  if (counted === null || !("problem" in counted)) return null;
  if (mode === "array") return "numbers";
  const wrong = Object.entries(values).find(([name, text]) => "problem" in countValues(name, text));
  return wrong?.[0] ?? "at-once";
}

function labelOf({ mode }: Plan, counted: Counted | null): string {
  if (mode === "schedule") return "Add the schedule";
  return counted !== null && "jobs" in counted ? `Submit ${countText(counted.jobs)}` : "Submit";
}

function sweepOf({ name }: Field, plan: Plan, onPlan: (plan: Plan) => void): FieldSweep {
  const values = plan.values[name] ?? null;
  return {
    values,
    counted: values === null ? null : countValues(name, values),
    onValues(text) {
      const { [name]: _, ...others } = plan.values;
      onPlan({ ...plan, values: text === null ? others : { ...others, [name]: text } });
    },
  };
}

interface Work {
  readonly isBusy: boolean;
  readonly error: unknown;
  /** What came of the last one, with a link to it. */
  readonly done: ComponentChildren;
  readonly submit: (params: ReadForm["params"], plan: Plan, priority: number) => void;
}

/** Sends what is filled in, one after the other. */
function useSubmit(runtime: string, onSubmitted: () => void): Work {
  const feed = useFeed();
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [done, setDone] = useState<ComponentChildren>(null);
  return {
    ...{ isBusy, error, done },
    submit(params, plan, priority) {
      setError(null);
      setDone(null);
      setIsBusy(true);
      send(runtime, params, plan, priority)
        .then((said) => {
          setDone(said);
          onSubmitted();
          feed.refresh();
        })
        .catch(setError)
        .finally(() => setIsBusy(false));
    },
  };
}

async function send(
  runtime: string,
  params: ReadForm["params"],
  plan: Plan,
  priority: number,
): Promise<ComponentChildren> {
  if (plan.mode === "once") {
    const { id } = await call("POST /jobs", { runtime, params, options: { priority } });
    return <a href={hrefOfJobs({ job: id })}>Job {id} is queued</a>;
  }
  if (plan.mode === "schedule") {
    const { name, next } = await call("POST /schedules", scheduleRequest(runtime, params, plan, priority));
    const when = next === null ? "" : `, next ${momentText(next, 0)}`;
    return (
      <a href={hrefOf("timetable")}>
        Schedule {name} is there{when}
      </a>
    );
  }
  const { array, jobs } = await call("POST /jobs/array", arrayRequest(runtime, params, plan, priority));
  return (
    <a href={hrefOfJobs({ array })}>
      Array {array} of {countText(jobs)} jobs is queued
    </a>
  );
}

function SubmitRow(props: {
  readonly priority: string;
  readonly onPriority: (text: string) => void;
  readonly isBusy: boolean;
  readonly label: string;
}): JSX.Element {
  return (
    <div class="submit-row">
      <label>
        Priority
        <input
          type="number"
          min={-1000}
          max={1000}
          value={props.priority}
          onInput={(event) => props.onPriority(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button is-main" disabled={props.isBusy} title="Ctrl+Enter">
        {props.label}
      </button>
    </div>
  );
}
