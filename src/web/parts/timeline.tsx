import type { JSX } from "preact";
import type { ResidencyView } from "../../protocol/residency-view.ts";
import type { ReservationView } from "../../protocol/timetable.ts";
import {
  aheadMs,
  colourOf,
  type ReservedSpan,
  type ResidencyRow,
  reservedSpans,
  residencyRows,
  type Span,
  timeTicks,
} from "../model/residency-rows.ts";
import { bytesText, durationText } from "../model/units.ts";
import { tickText, wholeMoment, zoneOffsetMs } from "./local-time.ts";

/** Colours of the page's style, --runtime-0 and so on. */
const COLOURS = 8;

/**
 * Which worker held which GPU when: a row for each GPU, a bar for each lease, hatched while the worker started. What is reserved
 * and near is shown, too: then the time goes on beyond now.
 */
export function Timeline(props: {
  readonly gpus: readonly ResidencyView[];
  readonly reservations: readonly ReservationView[];
  readonly fromMs: number;
  readonly nowMs: number;
}): JSX.Element {
  const { fromMs, nowMs, reservations } = props;
  const toMs = nowMs + aheadMs(reservations, nowMs, nowMs - fromMs);
  const time = { fromMs, toMs };
  const rows = residencyRows(props.gpus, { fromMs, toMs, nowMs });
  const runtimes = [...new Set(rows.flatMap(({ spans }) => spans.map(({ runtime }) => runtime)))].toSorted();
  const colours = colourOf(runtimes, COLOURS);
  const ticks = timeTicks(fromMs, toMs, 8, zoneOffsetMs(toMs));
  const stepMs = (ticks[1] ?? 0) - (ticks[0] ?? 0);
  return (
    <div class="timeline">
      <ul class="legend" aria-label="Runtimes">
        {runtimes.map((name) => (
          <li key={name} class={`colour-${colours.get(name) ?? 0}`}>
            {name}
          </li>
        ))}
        {runtimes.length === 0 && <li class="none">No worker held a GPU in this time</li>}
        {toMs > nowMs && <li class="is-reserved">reserved</li>}
      </ul>
      <div class="timeline-rows">
        {rows.map((row) => (
          <Row
            key={row.uuid}
            row={row}
            reserved={reservedSpans(reservations, row.uuid, time)}
            colours={colours}
            nowMs={nowMs}
            nowAt={(nowMs - fromMs) / (toMs - fromMs)}
          />
        ))}
        <div class="timeline-axis" aria-hidden="true">
          {ticks.map((at) => (
            <span key={at} style={{ left: `${((at - fromMs) / (toMs - fromMs)) * 100}%` }}>
              {tickText(at, stepMs)}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}

function Row(props: {
  readonly row: ResidencyRow;
  readonly reserved: readonly ReservedSpan[];
  readonly colours: ReadonlyMap<string, number>;
  readonly nowMs: number;
  /** Where now is, 0 to 1. */
  readonly nowAt: number;
}): JSX.Element {
  const { row, reserved, colours, nowMs, nowAt } = props;
  const held = row.spans.slice(-20).map((span) => spanTitle(span, nowMs));
  const said = [...held, ...reserved.map(reservedTitle)];
  return (
    <div class="timeline-row">
      <span class="timeline-gpu">GPU {row.gpu}</span>
      <div
        class="timeline-track"
        role="img"
        aria-label={`GPU ${row.gpu}: ${said.length === 0 ? "held by nobody" : said.join("; ")}`}
        style={{ height: `${row.lines * 22 + 4}px` }}
      >
        {reserved.map((span) => (
          <div
            key={span.id}
            class="span is-reserved"
            title={reservedTitle(span)}
            style={{ left: `${span.left * 100}%`, width: `${span.width * 100}%` }}
          >
            <b>{span.name}</b>
          </div>
        ))}
        {row.spans.map((span) => (
          <div
            key={`${span.worker} ${span.fromMs}`}
            class={`span colour-${colours.get(span.runtime) ?? 0} is-${span.mode} ${span.toMs === null ? "is-held" : ""}`}
            title={spanTitle(span, nowMs)}
            style={{
              left: `${span.left * 100}%`,
              width: `${span.width * 100}%`,
              top: `${span.line * 22 + 2}px`,
            }}
          >
            {span.startShare > 0 && <i style={{ width: `${span.startShare * 100}%` }} />}
            <b>{span.worker}</b>
          </div>
        ))}
        {nowAt < 1 && <i class="now" style={{ left: `${nowAt * 100}%` }} />}
      </div>
    </div>
  );
}

function reservedTitle({ name, fromMs, toMs }: ReservedSpan): string {
  return `reserved: ${name}, ${wholeMoment(new Date(fromMs).toISOString())}, for ${durationText(toMs - fromMs)}`;
}

function spanTitle(span: Span, nowMs: number): string {
  const took = durationText((span.toMs ?? nowMs) - span.fromMs);
  const share = span.mode === "exclusive" ? "alone" : `${span.mode}, ${bytesText(span.vramBytes)}`;
  return `${span.worker}, ${share}, for ${took}${span.toMs === null ? " so far" : ""}`;
}
