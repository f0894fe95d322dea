import "uplot/dist/uPlot.min.css";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import UPlot from "uplot";
import type { ChartLine, ChartModel } from "../model/chart-lines.ts";
import { lastKnown } from "../model/chart-lines.ts";
import { tickText } from "./local-time.ts";
import type { Theme } from "./theme.ts";

const HEIGHT = 150;

/** A plot over time. Its figures follow the pointer, else they are the newest; cursors of one group go together. */
export function Chart({
  model,
  theme,
  group,
}: {
  readonly model: ChartModel;
  readonly theme: Theme;
  readonly group: string;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const [index, setIndex] = useState<number | null>(null);
  const shape = `${theme} ${model.title} ${model.max} ${model.lines.map(({ title }) => title).join()}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: data alone comes by the effect below
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const drawn = new UPlot(optionsOf(model, element, group, setIndex), dataOf(model), element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [shape, group]);
  useEffect(() => plot.current?.setData(dataOf(model)), [model]);
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{model.title}</span>
        {model.lines.map((line) => (
          <span key={line.title} class={`key is-${line.colour}`}>
            {line.title} <b>{valueText(line, index)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={box} class="chart-box" role="img" aria-label={describe(model)} />
    </figure>
  );
}

function valueText({ values, unit }: ChartLine, index: number | null): string {
  const value = index === null ? lastKnown(values) : (values[index] ?? null);
  return value === null ? "–" : `${value.toFixed(unit === "GiB" ? 1 : 0)} ${unit}`;
}

function describe(model: ChartModel): string {
  return `${model.title}: ${model.lines.map((line) => `${line.title} ${valueText(line, null)}`).join(", ")}`;
}

function dataOf({ times, lines }: ChartModel): UPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

function optionsOf(
  model: ChartModel,
  element: HTMLElement,
  group: string,
  onIndex: (index: number | null) => void,
): UPlot.Options {
  const colours = getComputedStyle(element);
  const colour = (name: string): string => colours.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  const right = { ...axis, scale: "right", side: 1 as const, size: 44, grid: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: group }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true },
      y: { range: (_, __, most) => [0, model.max ?? Math.max(10, (most ?? 0) * 1.1)] },
      ...(model.rightUnit !== null && {
        right: {
          range: (_: UPlot, __: number, most: number) =>
            [0, Math.max(10, (most ?? 0) * 1.1)] as [number, number],
        },
      }),
    },
    axes: [
      {
        ...axis,
        size: 22,
        values: (_, ticks, __, ___, stepS) => ticks.map((at) => tickText(at * 1000, stepS * 1000)),
      },
      { ...axis, size: 44, space: 24 },
      ...(model.rightUnit === null ? [] : [right]),
    ],
    ...(model.hasBand && { bands: [{ series: [1, 2] as [number, number] }] }),
    series: [{}, ...model.lines.map((line) => seriesOf(line, colour))],
    hooks: { setCursor: [({ cursor }) => onIndex(cursor.idx ?? null)] },
  };
}

function seriesOf(line: ChartLine, colour: (name: string) => string): UPlot.Series {
  const stroke = colour(`chart-${line.colour}`);
  return {
    stroke,
    width: line.isDashed === true ? 1 : 1.5,
    points: { show: false },
    ...(line.isRight === true && { scale: "right" }),
    ...(line.isDashed === true && { dash: [4, 3] }),
    ...(line.isFilled === true && { fill: `${stroke}33` }),
  };
}
