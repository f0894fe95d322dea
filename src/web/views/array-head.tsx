import type { JSX } from "preact";
import type { ArrayStatus } from "../../protocol/array-status.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useNow } from "../live/use-live.ts";
import { type Loaded, useLoaded } from "../live/use-loaded.ts";
import { arrayParts } from "../model/array-text.ts";
import { countText, spanText } from "../model/units.ts";
import { ActionButton } from "../parts/actions.tsx";
import { ArrayMeter } from "../parts/array-row.tsx";
import { Problem } from "../parts/basics.tsx";

const REFRESH_MS = 1_000;

/** How far an array is, kept fresh; null = none is asked for. */
export function useArray(array: number | null): Loaded<ArrayStatus | null> {
  const load = async (signal: AbortSignal) =>
    array === null ? null : call("GET /arrays/:array", { array }, signal);
  return useLoaded(`array ${array}`, load, REFRESH_MS);
}

/** An array or a sweep as a whole: how far it is, and what may be done to all of it. */
export function ArrayHead({
  array,
  loaded,
}: {
  readonly array: number;
  readonly loaded: Loaded<ArrayStatus | null>;
}): JSX.Element {
  const nowMs = useNow();
  const { value, error, reload } = loaded;
  return (
    <section class="panel array-head" aria-label={`Array ${array}`}>
      <Problem error={error} />
      {value !== null && (
        <>
          <p class="array-title">
            <b>{value.label ?? (value.summary === "" ? value.runtime : value.summary)}</b>
            <span class="muted">
              {countText(value.total)} jobs of {value.runtime}
              {value.atOnce === null ? "" : `, at most ${countText(value.atOnce)} at once`}, by {value.user}
            </span>
            <span class="muted numbers">{spanText(value.startedAt, value.finishedAt, nowMs)}</span>
          </p>
          <ArrayMeter array={value} />
          <div class="array-foot">
            <ul class="array-counts">
              {arrayParts(value).map(({ state, count }) => (
                <li key={state} class={`state is-${state}`}>
                  {countText(count)} {state}
                </li>
              ))}
            </ul>
            <Actions array={value} onDone={reload} />
          </div>
        </>
      )}
    </section>
  );
}

function Actions(props: { readonly array: ArrayStatus; readonly onDone: () => void }): JSX.Element | null {
  const { array: status, onDone } = props;
  const { array, jobs } = status;
  const { mayChange } = useRights();
  if (!mayChange(status) || status.finishedAt !== null) return null;
  // Those that its own limit keeps back count as held, too.
  const mayHold = (jobs.queued ?? 0) > 0 || (status.atOnce !== null && (jobs.held ?? 0) > 0);
  const left = (jobs.held ?? 0) + (jobs.queued ?? 0) + (jobs.starting ?? 0) + (jobs.running ?? 0);
  return (
    <div class="actions">
      <ActionButton
        label={`Cancel ${left === 1 ? "the last one" : `all ${countText(left)}`}`}
        kind="danger"
        confirm="Cancel them?"
        done={`What was left of array ${array} is cancelled`}
        after={onDone}
        act={() => call("POST /arrays/:array/cancel", { array })}
      />
      {mayHold && (
        <ActionButton
          label="Hold"
          title="What waits is not started until it is released"
          done={`What waits of array ${array} is held`}
          after={onDone}
          act={() => call("POST /arrays/:array/hold", { array })}
        />
      )}
      {(jobs.held ?? 0) > 0 && (
        <ActionButton
          label="Release"
          done={`Nobody holds what waits of array ${array} any more`}
          after={onDone}
          act={() => call("POST /arrays/:array/release", { array })}
        />
      )}
    </div>
  );
}
