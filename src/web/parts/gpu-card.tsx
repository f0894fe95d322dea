import type { JSX } from "preact";
import type { GpuHistoryView } from "../../protocol/gpu-history-view.ts";
import type { GpuView } from "../../protocol/views.ts";
import { sparkPath } from "../model/chart-lines.ts";
import { hrefOf } from "../model/route.ts";
import { gib, ofGib, withUnit } from "../model/units.ts";
import { Meter, type MeterPart } from "./basics.tsx";

/** The parts of a GPU's memory: used by workers, kept for them beyond that, used by others; the rest is free. */
export function memoryParts({ memory }: GpuView): MeterPart[] {
  const { totalBytes, usedBytes, foreignBytes, reservedBytes } = memory;
  const oursBytes = Math.max(0, usedBytes - foreignBytes);
  const keptBytes = Math.max(0, Math.min(reservedBytes - oursBytes, totalBytes - usedBytes));
  const freeBytes = Math.max(0, totalBytes - usedBytes - keptBytes);
  const part = (kind: string, bytes: number, what: string): MeterPart => ({
    kind,
    share: totalBytes === 0 ? 0 : bytes / totalBytes,
    title: `${what} ${gib(bytes)} GiB`,
  });
  return [
    part("ours", oursBytes, "used by workers"),
    part("kept", keptBytes, "reserved beyond that"),
    part("foreign", foreignBytes, "used by others"),
    part("free", freeBytes, "free"),
  ];
}

/** Less than that is what a driver keeps for itself. */
const FOREIGN_BYTES = 2 ** 29;

function Unheld({ gpu }: { readonly gpu: GpuView }): JSX.Element {
  const { foreignBytes } = gpu.memory;
  if (foreignBytes < FOREIGN_BYTES) return <span class="muted">free</span>;
  return (
    <span class="foreign">
      no worker; <a href={hrefOf("gpus")}>other programs</a> hold {gib(foreignBytes)} GiB
    </span>
  );
}

/** One GPU at a glance. */
export function GpuCard({
  gpu,
  history,
}: {
  readonly gpu: GpuView;
  readonly history: GpuHistoryView | undefined;
}): JSX.Element {
  const trouble = gpu.quarantine?.text ?? (gpu.healthy ? null : (gpu.detail ?? "not usable"));
  return (
    <article class={`gpu-card ${gpu.healthy ? "" : "is-ill"}`} aria-label={`GPU ${gpu.index}`}>
      <header>
        <h2>
          GPU {gpu.index} <span class="muted">{gpu.name}</span>
        </h2>
        <span class="load">{withUnit(gpu.utilizationPercent, "%")}</span>
      </header>
      <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
        <path d={sparkPath(history?.utilizationPercent.mean ?? [], 100)} />
      </svg>
      <Meter label="Memory" parts={memoryParts(gpu)} />
      <p class="gpu-figures">
        <span>{ofGib(gpu.memory.usedBytes, gpu.memory.totalBytes)}</span>
        <span>{withUnit(gpu.temperatureCelsius, "°C")}</span>
        <span>{withUnit(gpu.powerWatts, "W")}</span>
      </p>
      <p class="held-by">
        {trouble !== null && <span class="trouble">{trouble}</span>}
        {trouble === null && gpu.leases.length === 0 && <Unheld gpu={gpu} />}
        {gpu.leases.map(({ worker, mode }) => (
          <a key={worker} class="chip" href={hrefOf("workers", worker)} title={`${worker}, ${mode}`}>
            {worker}
          </a>
        ))}
      </p>
    </article>
  );
}
