import type { Replay } from "./replay.ts";

/** Twelve colours that can be told apart on white and on black. */
const COLOURS = [
  "#4269d0",
  "#efb118",
  "#ff725c",
  "#3ca951",
  "#a463f2",
  "#38b2c4",
  "#ff8ab7",
  "#9c6b4e",
  "#97bbf5",
  "#b6c648",
  "#c2416b",
  "#6a7f10",
] as const;

/** A model of the legend and its share of the time that GPUs were held. */
export interface ModelColour {
  readonly model: string;
  readonly colour: string;
  readonly share: number;
}

/** The models that held GPUs the longest over all replays, at most one per colour. The others are drawn in grey. */
export function chooseColours(replays: readonly Replay[]): ModelColour[] {
  const heldMs = new Map<string, number>();
  let totalMs = 0;
  for (const { residencies } of replays) {
    for (const { model, gpus, grantedMs, goneMs } of residencies) {
      const gpuMs = (goneMs - grantedMs) * gpus.length;
      heldMs.set(model, (heldMs.get(model) ?? 0) + gpuMs);
      totalMs += gpuMs;
    }
  }
  const ranked = [...heldMs].sort((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1));
  return ranked.slice(0, COLOURS.length).map(([model, gpuMs], index) => ({
    model,
    colour: COLOURS[index] ?? "",
    share: totalMs === 0 ? 0 : gpuMs / totalMs,
  }));
}
