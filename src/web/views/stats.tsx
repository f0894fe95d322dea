import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { UsageView } from "../../protocol/usage-view.ts";
import { systemClock } from "../../std/clock.ts";
import { call } from "../live/api.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { countText, durationText } from "../model/units.ts";
import { Empty, Figure, Panel, Problem, Segments, TableSpace } from "../parts/basics.tsx";

const spans = { "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000, all: null } as const;
const groupings = [
  { value: "runtime", title: "by runtime" },
  { value: "user", title: "by user" },
  { value: "both", title: "by both" },
] as const;

/** What finished jobs took. */
export function StatsView(): JSX.Element {
  const [span, setSpan] = useState<keyof typeof spans>("7d");
  const [by, setBy] = useState<"runtime" | "user" | "both">("runtime");
  const load = (signal: AbortSignal) => {
    const lengthMs = spans[span];
    const since = lengthMs === null ? {} : { since: new Date(systemClock.nowMs() - lengthMs).toISOString() };
    return call("GET /stats", { by, ...since }, signal);
  };
  const { value, error } = useLoaded(`${span} ${by}`, load, 10_000);
  return (
    <>
      <header class="view-head">
        <h1>Statistics</h1>
        <div class="row">
          <Segments label="Grouped" chosen={by} onChoose={setBy} options={groupings} />
          <Segments
            label="How far back"
            chosen={span}
            onChoose={setSpan}
            options={(Object.keys(spans) as (keyof typeof spans)[]).map((each) => ({
              value: each,
              title: each,
            }))}
          />
        </div>
      </header>
      <Problem error={error} />
      {value !== null && <Totals total={value.total} />}
      <Panel title="Usage">
        {value !== null && value.usage.length === 0 ? (
          <Empty title="No job has ended in this time" />
        ) : (
          <UsageTable rows={value?.usage ?? []} />
        )}
      </Panel>
    </>
  );
}

function Totals({ total }: { readonly total: UsageView }): JSX.Element {
  return (
    <section class="figures" aria-label="In all">
      <Figure label="jobs ended" value={countText(total.jobs)} />
      <Figure label="failed" value={countText(total.failed)} />
      <Figure label="GPU-hours" value={total.gpuHours.toFixed(total.gpuHours < 10 ? 2 : 1)} />
      <Figure label="median wait" value={durationText(total.waitMs?.p50 ?? null)} />
      <Figure label="median run" value={durationText(total.runMs?.p50 ?? null)} />
      <Figure label="switches" value={countText(total.switches)} />
      <Figure label="energy" value={total.energyKwh === null ? "–" : `${total.energyKwh.toFixed(2)} kWh`} />
    </section>
  );
}

function UsageTable({ rows }: { readonly rows: readonly UsageView[] }): JSX.Element {
  const most = Math.max(...rows.map(({ gpuHours }) => gpuHours), Number.MIN_VALUE);
  const sorted = rows.toSorted((left, right) => right.gpuHours - left.gpuHours);
  return (
    <TableSpace label="Table of usage">
      <table>
        <thead>
          <tr>
            <th scope="col">Runtime, user</th>
            <th scope="col">GPU-hours</th>
            {[
              "Jobs",
              "Failed",
              "Cancelled",
              "Wait p50",
              "Wait p90",
              "Run p50",
              "Run p90",
              "Switches",
              "Energy",
            ].map((title) => (
              <th key={title} scope="col" class="number">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={`${row.runtime} ${row.user}`}>
              <th scope="row">{[row.runtime, row.user].filter((name) => name !== null).join(", ")}</th>
              <td>
                <div class="bar-cell">
                  <span class="bar-track">
                    <span class="bar-fill" style={{ width: `${(row.gpuHours / most) * 100}%` }} />
                  </span>
                  <span class="numbers">{row.gpuHours.toFixed(2)} h</span>
                </div>
              </td>
              <td class="number">{countText(row.jobs)}</td>
              <td class="number">{countText(row.failed)}</td>
              <td class="number">{countText(row.cancelled)}</td>
              <td class="number">{durationText(row.waitMs?.p50 ?? null)}</td>
              <td class="number">{durationText(row.waitMs?.p90 ?? null)}</td>
              <td class="number">{durationText(row.runMs?.p50 ?? null)}</td>
              <td class="number">{durationText(row.runMs?.p90 ?? null)}</td>
              <td class="number">{countText(row.switches)}</td>
              <td class="number">{row.energyKwh === null ? "–" : `${row.energyKwh.toFixed(3)} kWh`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableSpace>
  );
}
