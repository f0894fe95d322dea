import type { JSX } from "preact";
import type { ArrayStatus } from "../../protocol/array-status.ts";
import type { JobView } from "../../protocol/views.ts";
import { arrayParts, arrayState, arrayText } from "../model/array-text.ts";
import { hrefOfJobs } from "../model/route.ts";
import { agoText, countText, spanText } from "../model/units.ts";
import { Meter, StateBadge } from "./basics.tsx";
import { jobTitle } from "./job-line.tsx";
import { wholeMoment } from "./local-time.ts";
import { openBy } from "./open-by.ts";

/** How many jobs of an array are in which state, as one bar. */
export function ArrayMeter({ array }: { readonly array: ArrayStatus }): JSX.Element {
  const parts = arrayParts(array).map(({ state, count, share }) => ({
    ...{ kind: state, share },
    title: `${countText(count)} ${state}`,
  }));
  return <Meter label={`Jobs of array ${array.array}`} parts={parts} />;
}

/** A whole array or sweep as one row of a list of jobs. */
export function ArrayRow(props: {
  readonly array: ArrayStatus;
  /** The one of its jobs that stands for it. */
  readonly job: JobView;
  readonly index: number;
  readonly nowMs: number;
}): JSX.Element {
  const { array, job, nowMs } = props;
  const href = hrefOfJobs({ array: array.array });
  return (
    <tr class="is-array" aria-rowindex={props.index + 2} onClick={openBy(href)}>
      <td class="number id">{array.array}</td>
      <td>
        <StateBadge state={arrayState(array)} />
      </td>
      <td class="title">
        <a href={href}>
          <span class="chip">{countText(array.total)} jobs</span>
          {jobTitle({ ...job, label: array.label, summary: array.summary })}
        </a>
        <span class="second">{arrayText(array)}</span>
      </td>
      <td class="extra">{array.runtime}</td>
      <td class="extra reason">
        <span class="in-row">
          <ArrayMeter array={array} />
          <span>{arrayText(array)}</span>
        </span>
      </td>
      <td class="extra">{array.user}</td>
      <td class="number extra">{array.priority === 0 ? "–" : array.priority}</td>
      <td class="number">{spanText(array.startedAt, array.finishedAt, nowMs)}</td>
      <td class="number extra" title={wholeMoment(array.submittedAt)}>
        {agoText(array.submittedAt, nowMs)}
      </td>
    </tr>
  );
}
