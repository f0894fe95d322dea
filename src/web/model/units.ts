import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";

const GIB = 2 ** 30;

/** "12.5 of 80 GiB": an amount and what there is, in GiB, as both are compared at a glance. */
export function ofGib(bytes: number, totalBytes: number): string {
  return `${gib(bytes)} of ${gib(totalBytes)} GiB`;
}

/** GiB with one digit where that says something: "0.4", "12.5", "80". */
export function gib(bytes: number): string {
  const value = bytes / GIB;
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

/** A number with its unit; a dash where nobody knows it. */
export function withUnit(value: number | null, unit: string, digits = 0): string {
  return value === null ? "–" : `${value.toFixed(digits)} ${unit}`;
}

/** How long something has gone on, or took: from one RFC 3339 moment to another or to `nowMs`. */
export function spanText(from: string | null, to: string | null, nowMs: number): string {
  if (from === null) return "–";
  return formatDurationMs(Math.max(0, (to === null ? nowMs : Date.parse(to)) - Date.parse(from)));
}

/** "3m 05s ago"; "now" below a second, also where the two clocks differ a little. */
export function agoText(at: string | null, nowMs: number): string {
  if (at === null) return "–";
  const ms = nowMs - Date.parse(at);
  return ms < 1000 ? "now" : `${roughly(ms)} ago`;
}

/** "in 40 s", of something that is foretold; "now" when it is due. */
export function inText(inMs: number): string {
  return inMs < 1000 ? "now" : `in ${roughly(inMs)}`;
}

/** A duration by its largest unit alone: "40 s", "5 min", "3 h", "2 d". */
function roughly(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 2 * 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** Bytes as people read them, a dash where nobody knows. */
export function bytesText(bytes: number | null): string {
  return bytes === null ? "–" : formatBytes(bytes);
}

/** Milliseconds as people read them, a dash where nobody knows. */
export function durationText(ms: number | null): string {
  return ms === null ? "–" : formatDurationMs(ms);
}

/** A count with thousands apart: "10,000". */
export function countText(count: number): string {
  return count.toLocaleString("en");
}
