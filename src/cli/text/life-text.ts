import type { JobDetail } from "../../protocol/views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import type { Io } from "../io.ts";
import type { Colour } from "../output.ts";
import { hasUtf8 } from "./has-utf8.ts";
import type { Column } from "./table.ts";

type Phase = JobDetail["life"][number];

/** Cells of the time line. */
const CELLS = 32;

const COLOURS: Readonly<Record<Phase["phase"], Colour>> = {
  held: "dim",
  queued: "yellow",
  retry: "yellow",
  switch: "cyan",
  start: "cyan",
  run: "green",
};

/** Columns of a job's life: each phase as a bar at its place in time, how long it took, and why. */
export function lifeColumns(
  life: readonly Phase[],
  { clock, env }: Pick<Io, "clock" | "env">,
): Column<Phase>[] {
  const nowMs = clock.nowMs();
  const endOf = ({ to }: Phase): number => (to === null ? nowMs : Date.parse(to));
  const firstMs = Math.min(...life.map(({ from }) => Date.parse(from)));
  const spanMs = Math.max(1, Math.max(...life.map(endOf)) - firstMs);
  const [block, gap] = hasUtf8(env) ? ["█", "·"] : ["#", "."];
  const cellOf = (atMs: number): number => Math.round(((atMs - firstMs) / spanMs) * CELLS);
  const bar = (phase: Phase): string => {
    const from = Math.min(CELLS - 1, cellOf(Date.parse(phase.from)));
    const to = Math.max(from + 1, cellOf(endOf(phase)));
    // Blanks would be run together.
    return `${gap.repeat(from)}${block.repeat(to - from)}${gap.repeat(CELLS - to)}`;
  };
  return [
    { title: "PHASE", value: ({ phase }) => phase, colour: ({ phase }) => COLOURS[phase], rank: 9 },
    { title: "WHEN", value: bar, colour: ({ phase }) => COLOURS[phase], rank: 1 },
    {
      title: "TOOK",
      value: (phase) => formatDurationMs(Math.max(0, endOf(phase) - Date.parse(phase.from))),
      align: "right",
      rank: 8,
    },
    {
      title: "WHY",
      value: ({ text, to }) => (to === null ? `${text} (goes on)`.trim() : text || null),
      shrinks: true,
      rank: 7,
    },
  ];
}
