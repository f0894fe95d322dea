import type { ComponentChildren, JSX } from "preact";
import type { JobView, WorkerView } from "../../protocol/views.ts";
import { errorText } from "../live/api.ts";

/** The state of a job or worker: its word, and a dot whose colour only repeats it. */
export function StateBadge({
  state,
}: {
  readonly state: JobView["state"] | WorkerView["state"];
}): JSX.Element {
  return <span class={`state is-${state}`}>{state}</span>;
}

/** What is where nothing is yet, and what to do about it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** What went wrong with what was asked for; nothing when nothing did. */
export function Problem({ error }: { readonly error: unknown }): JSX.Element | null {
  return error === null || error === undefined ? null : (
    <p class="problem" role="alert">
      {errorText(error)}
    </p>
  );
}

/** How far something is, 0 to 1; null = it runs and does not tell. */
export function Progress({
  fraction,
  label,
}: {
  readonly fraction: number | null;
  readonly label: string;
}): JSX.Element {
  const percent = fraction === null ? null : Math.round(Math.min(1, Math.max(0, fraction)) * 100);
  return (
    <div
      class={`progress ${percent === null ? "is-open" : ""}`}
      role="progressbar"
      aria-label={label}
      {...(percent === null ? {} : { "aria-valuenow": percent })}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <div style={{ width: `${percent ?? 100}%` }} />
    </div>
  );
}

/** A part of a bar, by its share of the whole. */
export interface MeterPart {
  readonly kind: string;
  readonly share: number;
  readonly title: string;
}

/** A bar of parts, each told in words to those who do not see it. */
export function Meter({
  parts,
  label,
}: {
  readonly parts: readonly MeterPart[];
  readonly label: string;
}): JSX.Element {
  return (
    <div class="meter" role="img" aria-label={`${label}: ${parts.map(({ title }) => title).join(", ")}`}>
      {parts.map(({ kind, share, title }) => (
        <div
          key={kind}
          class={`part is-${kind}`}
          title={title}
          style={{ width: `${Math.max(0, share) * 100}%` }}
        />
      ))}
    </div>
  );
}

/** A titled part of a view. */
export function Panel(props: {
  readonly title: string;
  readonly tools?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class={`panel ${props.class ?? ""}`} aria-label={props.title}>
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.tools}
      </header>
      {props.children}
    </section>
  );
}

/** Some of which one is chosen, side by side. */
export function Segments<T extends string>(props: {
  readonly label: string;
  readonly chosen: T;
  readonly options: readonly { readonly value: T; readonly title: ComponentChildren }[];
  readonly onChoose: (value: T) => void;
}): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="hidden">{props.label}</legend>
      {props.options.map(({ value, title }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.chosen}
          onClick={() => props.onChoose(value)}
        >
          {title}
        </button>
      ))}
    </fieldset>
  );
}

/** One figure with what it means. */
export function Figure(props: {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly href?: string;
}): JSX.Element {
  const inside = (
    <>
      <span class="figure-value">{props.value}</span>
      <span class="figure-label">{props.label}</span>
      {props.note !== undefined && <span class="figure-note">{props.note}</span>}
    </>
  );
  return props.href === undefined ? (
    <div class="figure">{inside}</div>
  ) : (
    <a class="figure" href={props.href}>
      {inside}
    </a>
  );
}

/** A table that may be wider than the page: it scrolls by itself, by keys as well. */
export function TableSpace({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys
    <section class="table-space" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
