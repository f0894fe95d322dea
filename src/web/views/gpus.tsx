import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { GpuView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useLive, useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { gpuCharts, stepTimes } from "../model/chart-lines.ts";
import { agoText, bytesText, ofGib } from "../model/units.ts";
import { ActionButton } from "../parts/actions.tsx";
import { Empty, Meter, Panel, Problem, Segments, TableSpace } from "../parts/basics.tsx";
import { Chart } from "../parts/chart.tsx";
import { memoryParts } from "../parts/gpu-card.tsx";
import { type RangeName, rangeSince, ranges } from "../parts/ranges.ts";
import type { Theme } from "../parts/theme.ts";

/** The GPUs: what they did, and what is on them now. */
export function GpusView({ theme }: { readonly theme: Theme }): JSX.Element {
  const { gpus, status } = useLive();
  const [chosen, setRange] = useState<RangeName | null>(null);
  const nowMs = useNow(5_000);
  const range = chosen ?? rangeSince(status?.startedAt, nowMs);
  const lengthMs = ranges[range];
  const load = (signal: AbortSignal) =>
    call(
      "GET /gpus/history",
      { since: new Date(systemClock.nowMs() - lengthMs).toISOString(), points: 300 },
      signal,
    );
  const history = useLoaded(range, load, Math.max(5_000, lengthMs / 600));
  return (
    <>
      <header class="view-head">
        <h1>GPUs</h1>
        <Segments
          label="How far back"
          chosen={range}
          onChoose={setRange}
          options={(Object.keys(ranges) as RangeName[]).map((value) => ({ value, title: value }))}
        />
      </header>
      <Problem error={history.error} />
      {status !== null && gpus.length === 0 && (
        <Empty title="No GPU is seen here">
          <code>orch doctor</code> tells why.
        </Empty>
      )}
      {gpus.map((gpu) => {
        const past = history.value?.gpus.find(({ uuid }) => uuid === gpu.uuid);
        const times =
          history.value === null || past === undefined
            ? []
            : stepTimes(history.value.since, history.value.stepMs, past.seenMs.length);
        return (
          <Panel key={gpu.uuid} title={`GPU ${gpu.index}`} class="gpu" tools={<GpuTools gpu={gpu} />}>
            <p class="gpu-about">
              <span>{gpu.name}</span>
              <code>{gpu.uuid}</code>
              {gpu.detail !== null && <span class="trouble">{gpu.detail}</span>}
              {gpu.quarantine !== null && <span class="trouble">in quarantine: {gpu.quarantine.text}</span>}
            </p>
            <div class="memory-line">
              <Meter label="Memory" parts={memoryParts(gpu)} />
              <span class="numbers">{ofGib(gpu.memory.usedBytes, gpu.memory.totalBytes)}</span>
            </div>
            <div class="charts">
              {past !== undefined &&
                gpuCharts(past, times).map((model) => (
                  <Chart key={model.title} model={model} theme={theme} group="gpus" />
                ))}
              {past === undefined && [0, 1, 2].map((index) => <div key={index} class="chart is-waiting" />)}
            </div>
            <Processes gpu={gpu} nowMs={nowMs} />
          </Panel>
        );
      })}
    </>
  );
}

function GpuTools({ gpu }: { readonly gpu: GpuView }): JSX.Element {
  const { mayAdmin } = useRights();
  return (
    <span class="gpu-tools">
      {gpu.leases.map(({ worker }) => (
        <span key={worker} class="chip">
          {worker}
        </span>
      ))}
      {gpu.quarantine !== null && mayAdmin && (
        <ActionButton
          label="Try it again"
          done={`GPU ${gpu.index} is tried again`}
          act={() => call("POST /gpus/:gpu/clear", { gpu: gpu.uuid })}
        />
      )}
    </span>
  );
}

function Processes({ gpu, nowMs }: { readonly gpu: GpuView; readonly nowMs: number }): JSX.Element | null {
  if (gpu.processes.length === 0) return null;
  return (
    <TableSpace label={`Programs on GPU ${gpu.index}`}>
      <table>
        <caption class="hidden">Programs on GPU {gpu.index}</caption>
        <thead>
          <tr>
            <th scope="col" class="number">
              PID
            </th>
            <th scope="col">Program</th>
            <th scope="col">User</th>
            <th scope="col">Worker</th>
            <th scope="col" class="number">
              Memory
            </th>
            <th scope="col">Since</th>
          </tr>
        </thead>
        <tbody>
          {gpu.processes.map((process) => (
            <tr key={process.pid}>
              <td class="number">{process.pid}</td>
              <td>{process.name ?? "–"}</td>
              <td>{process.user ?? "–"}</td>
              <td>{process.worker ?? <span class="foreign">not of orch</span>}</td>
              <td class="number">{bytesText(process.vramBytes)}</td>
              <td>{agoText(process.startedAt, nowMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableSpace>
  );
}
