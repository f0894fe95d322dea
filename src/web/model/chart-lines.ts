import type { GpuHistoryView } from "../../protocol/gpu-history-view.ts";

/** One line of a plot. Colours and axes are named; the page's style knows them. */
export interface ChartLine {
  readonly title: string;
  readonly colour: "accent" | "accent-soft" | "foreign" | "reserved" | "warm" | "power";
  readonly unit: string;
  readonly values: readonly (number | null)[];
  readonly isFilled?: boolean;
  readonly isDashed?: boolean;
  /** On the axis at the right. */
  readonly isRight?: boolean;
}

/** A plot of one GPU over time. */
export interface ChartModel {
  readonly title: string;
  /** Seconds since 1970: the middles of the steps. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  /** Top of the axis; null = as high as the lines go. */
  readonly max: number | null;
  readonly unit: string;
  readonly rightUnit: string | null;
  /** The first line is filled down to the second one alone. */
  readonly hasBand?: boolean;
}

const GIB = 2 ** 30;
const toGib = (values: readonly (number | null)[]): (number | null)[] =>
  values.map((value) => (value === null ? null : value / GIB));

/** The middles of the steps of a history, in seconds since 1970. */
export function stepTimes(since: string, stepMs: number, count: number): number[] {
  const firstS = (Date.parse(since) + stepMs / 2) / 1000;
  return Array.from({ length: count }, (_, index) => firstS + (index * stepMs) / 1000);
}

/** The three plots of a GPU: load; memory, all that is in use behind what is ours; heat and power. */
export function gpuCharts(gpu: GpuHistoryView, times: readonly number[]): ChartModel[] {
  const ours = toGib(gpu.oursBytes.mean);
  const foreign = toGib(gpu.foreignBytes.mean);
  const both = ours.map((value, index) => {
    const other = foreign[index] ?? null;
    return value === null || other === null ? null : value + other;
  });
  return [
    {
      ...{ title: "Load", times, max: 100, unit: "%", rightUnit: null },
      lines: [
        { title: "highest", colour: "accent-soft", unit: "%", values: gpu.utilizationPercent.max },
        { title: "mean", colour: "accent", unit: "%", values: gpu.utilizationPercent.mean, isFilled: true },
      ],
    },
    {
      ...{ title: "Memory", times, max: gpu.totalBytes / GIB, unit: "GiB", rightUnit: null, hasBand: true },
      lines: [
        { title: "in use", colour: "foreign", unit: "GiB", values: both, isFilled: true },
        { title: "ours", colour: "accent", unit: "GiB", values: ours, isFilled: true },
        {
          title: "reserved",
          colour: "reserved",
          unit: "GiB",
          values: toGib(gpu.reservedBytes.mean),
          isDashed: true,
        },
      ],
    },
    {
      ...{ title: "Temperature and power", times, max: null, unit: "°C", rightUnit: "W" },
      lines: [
        { title: "temperature", colour: "warm", unit: "°C", values: gpu.temperatureCelsius.mean },
        { title: "power", colour: "power", unit: "W", values: gpu.powerWatts.mean, isRight: true },
      ],
    },
  ];
}

/** The newest value that is known. */
export function lastKnown(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** A line without axes, as the path of an SVG of 100 × 24; gaps where nothing is known. */
export function sparkPath(values: readonly (number | null)[], max: number): string {
  const step = 100 / Math.max(1, values.length - 1);
  let isDrawing = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isDrawing = false;
        return "";
      }
      const command = isDrawing ? "L" : "M";
      isDrawing = true;
      const y = 23 - (Math.min(value, max) / max) * 22;
      return `${command}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}
