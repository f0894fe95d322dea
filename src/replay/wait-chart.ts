import { formatDurationMs } from "../std/duration.ts";
import { escapeMarkup } from "../std/escape-markup.ts";
import { px } from "./markup.ts";

/** One curve: the waits of all jobs under a policy. */
export interface WaitCurve {
  readonly name: string;
  readonly waitsMs: Float64Array;
}

const WIDTH = 1100;
const HEIGHT = 380;
const LEFT = 56;
const RIGHT = 20;
const TOP = 14;
const BOTTOM = 38;
/** More points than this cannot be seen. */
const POINTS = 400;
/** Times at which people think, in seconds. */
const TICKS_S = [
  0.001,
  0.01,
  0.1,
  1,
  10,
  60,
  600,
  3_600,
  6 * 3_600,
  86_400,
  7 * 86_400,
  30 * 86_400,
  365 * 86_400,
];

/** The share of jobs (up) that waited at most so long (right, logarithmic), one curve per policy, as SVG. */
export function waitChart(curves: readonly WaitCurve[]): string {
  const sorted = curves.map(({ name, waitsMs }) => ({ name, waitsMs: Float64Array.from(waitsMs).sort() }));
  const longestS = Math.max(...sorted.map(({ waitsMs }) => (waitsMs.at(-1) ?? 0) / 1000));
  const scale = chooseScale(longestS);
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Share of jobs by how long they waited">`,
    ...shareLines(),
    ...timeLines(scale),
    ...sorted.map((curve, index) => drawCurve(curve, index, scale)),
    "</svg>",
  ].join("\n");
}

interface Scale {
  readonly fromS: number;
  readonly toS: number;
  readonly x: (waitS: number) => number;
}

/** Four to five decades that end behind the longest wait; what is shorter stands at the left edge. */
function chooseScale(longestS: number): Scale {
  const toS = Math.max(1, longestS * 1.15);
  const fromS = toS > 2_000 ? 1 : toS / 2_000;
  const perLog = (WIDTH - LEFT - RIGHT) / Math.log(toS / fromS);
  return { fromS, toS, x: (waitS) => LEFT + perLog * Math.log(Math.max(waitS, fromS) / fromS) };
}

function y(share: number): number {
  return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}

function shareLines(): string[] {
  return [0, 0.25, 0.5, 0.75, 0.95, 1].map((share) => {
    const at = px(y(share));
    const line = `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`;
    // 95 % and 100 % stand too close for two labels of their own line: the lower one hangs.
    const textY = share === 0.95 ? y(share) + 11 : y(share) + 4;
    return `${line}<text class="tick" x="${LEFT - 8}" y="${px(textY)}" text-anchor="end">${share * 100} %</text>`;
  });
}

function timeLines({ fromS, toS, x }: Scale): string[] {
  return TICKS_S.filter((tickS) => tickS >= fromS && tickS <= toS).map((tickS) => {
    const at = px(x(tickS));
    const line = `<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`;
    const label = tickS === fromS ? `≤ ${tickLabel(tickS)}` : tickLabel(tickS);
    return `${line}<text class="tick" x="${at}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${label}</text>`;
  });
}

/** "10 s", "10 min", "6 h", "7 d": whole numbers of one unit. */
function tickLabel(seconds: number): string {
  if (seconds < 1) return `${seconds * 1000} ms`;
  const [unitS, unit] =
    seconds < 60 ? [1, "s"] : seconds < 3_600 ? [60, "min"] : seconds < 86_400 ? [3_600, "h"] : [86_400, "d"];
  return `${seconds / unitS} ${unit}`;
}

function drawCurve(curve: WaitCurve, index: number, scale: Scale): string {
  const { waitsMs, name } = curve;
  const count = waitsMs.length;
  const step = Math.max(1, Math.floor(count / POINTS));
  let path = `M${px(scale.x(0))} ${px(y(0))}`;
  for (let rank = 1; rank <= count; rank += rank === count ? 1 : Math.min(step, count - rank)) {
    const waitMs = waitsMs[rank - 1] ?? 0;
    path += `H${px(scale.x(waitMs / 1000))}V${px(y(rank / count))}`;
  }
  path += `H${WIDTH - RIGHT}`;
  const median = formatDurationMs(waitsMs[Math.ceil(count / 2) - 1] ?? 0);
  const title = `<title>${escapeMarkup(name)}: half of the jobs wait at most ${median}</title>`;
  return `<path class="curve policy-${index % 8}" d="${path}">${title}</path>`;
}
